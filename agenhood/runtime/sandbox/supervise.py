"""Watching a program in its sandbox: its streams, its time, its appetite, and that all of it ends.

The program's processes are the first process of a namespace, which bubblewrap starts, and its
descendants. When bubblewrap or that first process dies the kernel kills all the others.
"""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from agenhood.runtime.sandbox import processes
from agenhood.runtime.sandbox.engine import Finished, SandboxError

LOOK_EVERY_SECONDS = 0.2
PIECE = 65536
GONE_WITHIN_SECONDS = 10.0
LAST_WORDS = 2000  # bytes of what bubblewrap said when it could not start the program

# Asked with the first process's id five times a second: why to kill everything now, or "".
Watch = Callable[[int], str]


@dataclass(slots=True)
class Supervision:
    """How one program is run. `status` is where bubblewrap writes what it does, in JSON."""

    process: "subprocess.Popen[bytes]"
    status: int
    stdin: bytes
    wall_seconds: float
    most_output: int
    on_output: Callable[[str, bytes], None]
    should_end: Callable[[], bool]
    should_kill: Callable[[], bool]
    watch: Watch

    first: int = 0  # the first process's id, once it is known
    _first_descriptor: int | None = None
    _has_ended: bool = False  # whether bubblewrap told the program's exit code
    _killed_for: str = ""
    _taken: int = 0
    _last_words: bytearray = field(default_factory=bytearray)
    _status_line: bytes = b""
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _ended: int = -1

    def run(self) -> Finished:
        """Return when nothing of the program is left. Raises SandboxError."""
        try:
            self._open()
            self._until_it_ends()
            self._kill()
            self._drain()
        finally:
            self._kill()
            self._close()
        code = self.process.returncode
        if not self._has_ended and not self._killed_for:
            said = bytes(self._last_words).decode(errors="replace").strip()
            raise SandboxError(f"The sandbox could not start the program: {said or code}")
        return Finished(code if code >= 0 else 128 - code, self._killed_for)

    def _open(self) -> None:
        for name, stream in (("stdout", self.process.stdout), ("stderr", self.process.stderr)):
            assert stream is not None  # noqa: S101  for the type checker
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream.fileno(), selectors.EVENT_READ, name)
        assert self.process.stdin is not None  # noqa: S101  likewise
        os.set_blocking(self.process.stdin.fileno(), False)
        if self.stdin:
            self._selector.register(self.process.stdin, selectors.EVENT_WRITE, "stdin")
        else:
            self.process.stdin.close()
        os.set_blocking(self.status, False)
        self._selector.register(self.status, selectors.EVENT_READ, "status")
        self._ended = os.pidfd_open(self.process.pid)
        self._selector.register(self._ended, selectors.EVENT_READ, "ended")

    def _until_it_ends(self) -> None:
        deadline = time.monotonic() + self.wall_seconds
        next_look = 0.0
        was_told = False
        while self.process.poll() is None:
            now = time.monotonic()
            if now >= next_look:
                next_look = now + LOOK_EVERY_SECONDS
                if self.should_kill():
                    self._killed_for = "asked"
                elif now >= deadline:
                    self._killed_for = "time"
                elif self.first:
                    self._killed_for = self.watch(self.first)
                    if not was_told and self.should_end():
                        was_told = True
                        processes.tell_to_end(self.first)
            if self._killed_for:
                return
            wait = max(0.0, min(next_look, deadline) - time.monotonic())
            for key, _ in self._selector.select(wait):
                self._serve(key.fd, key.data)

    def _serve(self, descriptor: int, name: str) -> None:
        if name == "stdin":
            self._feed()
        elif name == "status":
            self._read_status()
        elif name != "ended":
            self._read(descriptor, name)

    def _feed(self) -> None:
        pipe = self.process.stdin
        assert pipe is not None  # noqa: S101  likewise
        try:
            written = os.write(pipe.fileno(), self.stdin[:PIECE])
        except BlockingIOError:
            return
        except BrokenPipeError:
            written = len(self.stdin)  # it does not want to read it
        self.stdin = self.stdin[written:]
        if not self.stdin:
            self._selector.unregister(pipe)
            with suppress(BrokenPipeError):
                pipe.close()

    def _read(self, descriptor: int, name: str) -> bool:
        """Take what there is of a stream; tell whether there may be more."""
        try:
            piece = os.read(descriptor, PIECE)
        except BlockingIOError:
            return False
        if not piece:
            self._selector.unregister(descriptor)
            return False
        if not self._has_ended and len(self._last_words) < LAST_WORDS:
            self._last_words += piece
        room = self.most_output - self._taken
        self._taken += len(piece)
        if len(piece) > room and not self._killed_for:
            self._killed_for = "output"
        if room > 0:
            self.on_output(name, piece[:room])
        return not self._killed_for

    def _read_status(self) -> None:
        try:
            piece = os.read(self.status, PIECE)
        except BlockingIOError:
            return
        if not piece:
            self._selector.unregister(self.status)
        *lines, self._status_line = (self._status_line + piece).split(b"\n")
        for line in lines:
            said = json.loads(line)
            if "child-pid" in said:
                self._first_descriptor = processes.descriptor_of(
                    said["child-pid"], self.process.pid
                )
                if self._first_descriptor is not None:
                    self.first = said["child-pid"]
            if "exit-code" in said:
                self._has_ended = True

    def _kill(self) -> None:
        """Kill all that is left, and wait until it is gone. Safe to do again."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.status in self._selector.get_map():
            self._read_status()  # it may have been quicker than we
        if self._first_descriptor is not None:
            processes.kill(self._first_descriptor)
            if processes.is_gone(self._first_descriptor, within_seconds=GONE_WITHIN_SECONDS):
                processes.reap(self.first)

    def _drain(self) -> None:
        """Read what was written before the end: all who could write are gone."""
        for key in list(self._selector.get_map().values()):
            if key.data in {"stdout", "stderr"}:
                while self._read(key.fd, key.data):
                    pass

    def _close(self) -> None:
        self._selector.close()
        os.close(self._ended)
        if self._first_descriptor is not None:
            os.close(self._first_descriptor)
            self._first_descriptor = None
        os.close(self.status)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
