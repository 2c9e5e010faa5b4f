"""Runs in a container as its first process: waits for one program, runs it, and ends with it.

It is given as `python3 -c`, reads what to run from standard input, and is the standard library
only. When it ends the kernel kills all others in the container. It ends, too, when its standard
input does: then whoever started the container is gone. docker_engine/request.py writes what it
reads; a byte more asks it to tell the program to end.
"""

import base64
import ctypes
import json
import os
import select
import signal
import struct
import sys
from contextlib import suppress

PR_SET_DUMPABLE, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 4, 22, 2
FOLDER, WORKSPACE = "/run/agenhood", "/workspace"
PROMPT, FORWARDER = FOLDER + "/prompt", FOLDER + "/forwarder.py"


def main() -> None:
    # Programs have the same user: nothing of this process is theirs to read or to write.
    prctl(PR_SET_DUMPABLE, 0)
    asked = json.loads(read_block())
    prompt = read_block()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer)
    program = os.fork()
    if program == 0:
        become(**asked, prompt=prompt)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(reader, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == reader:
                os.read(reader, 4096)
                reap(program)
            elif os.read(0, 1):
                with suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGTERM)
            else:
                os._exit(1)


def read_block() -> bytes:
    """Return what comes next, after eight bytes that say how much it is."""
    (size,) = struct.unpack(">Q", read_exactly(8))
    return read_exactly(size)


def read_exactly(size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = os.read(0, min(size - len(found), 1 << 20))
        if not piece:
            os._exit(1)
        found += piece
    return bytes(found)


def reap(program: int) -> None:
    """Lay the dead to rest; end with the program's exit code if it is among them."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid == program:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def become(
    *, command: "list[str]", given: "dict[str, str]", forwarder: str, calls: str, prompt: bytes
) -> None:
    """Run the program in this process. `calls` is the filter of system calls, in base 64."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    environment = {**os.environ, **given}
    try:
        if prompt:
            write(PROMPT, prompt)
            environment["AGENHOOD_PROMPT_FILE"] = PROMPT
        os.dup2(os.open(PROMPT if prompt else os.devnull, os.O_RDONLY), 0)
        if forwarder:
            write(FORWARDER, forwarder.encode())
            command = [sys.executable, "-I", "-S", FORWARDER, *command]
        os.closerange(3, 1 << 16)
        os.setsid()
        os.chdir(WORKSPACE)
        filter_calls(base64.b64decode(calls))
        os.execvpe(command[0], command, environment)  # noqa: S606  the program that was asked for
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode(errors="replace"))
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123  nothing is imported that need not be
        file.write(content)


def filter_calls(code: bytes) -> None:
    """Have the kernel refuse system calls for good. Raises OSError."""

    class Program(ctypes.Structure):  # struct sock_fprog of linux/filter.h
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(code) // 8, code)))


def prctl(*arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*arguments, *[0] * (5 - len(arguments))) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main()
