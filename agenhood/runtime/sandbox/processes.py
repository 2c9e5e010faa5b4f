"""The processes of a sandbox as the host sees them: told to end, measured, and seen to be gone."""

import ctypes
import os
import select
import signal
import stat
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
BLOCK = 512  # bytes, of st_blocks


def descriptor_of(pid: int, parent: int) -> int | None:
    """Return a descriptor for a process that is `parent`'s child; None if it has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if f"\nPPid:\t{parent}\n" in _status(pid):  # not another process that was given the number
        return descriptor
    os.close(descriptor)
    return None


def adopt_orphans() -> None:
    """Become the parent of descendants whose parents die, so that `reap` can lay them to rest.

    bubblewrap leaves the first process of a namespace to the system's init, and not every
    container has one that cares: the dead would fill the control group's number of processes.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(pid: int) -> None:
    """Lay an ended process to rest that may have become ours."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def kill(descriptor: int) -> None:
    """Kill a process, and with the first one of a namespace all others in it."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)


def is_gone(descriptor: int, *, within_seconds: float) -> bool:
    """Wait until a process has ended; the first of a namespace ends after all others in it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(within_seconds * 1000))


def tell_to_end(first: int) -> None:
    """Send SIGTERM to all processes of the namespace whose first process this is, but to it."""
    for pid in below(first):
        with suppress(ProcessLookupError, PermissionError):
            descriptor = os.pidfd_open(pid)
            try:
                if _is_in_namespace(pid):
                    signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            finally:
                os.close(descriptor)


def below(pid: int) -> list[int]:
    """Return the descendants of a process. None escapes that way: the first process of a
    namespace takes every orphan in."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        with suppress(OSError):
            for thread in Path(f"/proc/{current}/task").iterdir():
                children = [int(child) for child in (thread / "children").read_text().split()]
                found += children
                waiting += children
    return found


def memory_in_use(first: int) -> int:
    """Return the bytes of memory that the processes of a namespace have, shared ones each."""
    total = 0
    for pid in below(first):
        for line in _status(pid).splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total


def removed_but_open(first: int) -> int:
    """Return the bytes of files that have no name any more and are still open."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in below(first):
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    facts = descriptor.stat()
                    if facts.st_nlink == 0 and stat.S_ISREG(facts.st_mode):
                        sizes[facts.st_dev, facts.st_ino] = facts.st_blocks * BLOCK
    return sum(sizes.values())


def _is_in_namespace(pid: int) -> bool:
    for line in _status(pid).splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) > 2  # its number here, and the one that it has inside
    return False


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return ""
