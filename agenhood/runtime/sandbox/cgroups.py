"""A control group for each sandbox, where we may make one: its memory, processes and CPU together.

Version 2 in a unit with `Delegate=yes`, or as root; version 1 as root. A group that its owner left
behind, killed as it was, is found by its lock, which nobody holds any more.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

ROOT = Path("/sys/fs/cgroup")
NAME = "agenhood"
# Where a delegated group's own processes go: version 2 wants processes in groups without any below.
MAIN = "agenhood-main"
# Of version 1 that of threads: at the one of processes the kernel waits, for milliseconds, until no
# processor is just making one.
ENTRANCES = {1: "tasks", 2: "cgroup.procs"}
CONTROLLERS = ("memory", "pids", "cpu")
PERIOD = 100_000  # microseconds, of which a sandbox gets its share
REMOVE_WITHIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups are made: the folder, and which limits can be set there."""

    folder: Path
    controllers: frozenset[str]
    version: int


class Group:
    """A sandbox's group. `counts` are the controllers that limit it, `entrances` the files to which
    a process of one thread writes 0 in order to enter."""

    def __init__(self, *, memory_mb: int, max_processes: int, cpus: float) -> None:
        """Make it. Raises OSError."""
        self.folders: list[Path] = []
        self.entrances: list[Path] = []
        self._locks: list[int] = []
        self.counts: set[str] = set()
        name = str(uuid4())
        try:
            for hierarchy in hierarchies():
                self._make(hierarchy, name)
                self.entrances.append(self.folders[-1] / ENTRANCES[hierarchy.version])
                for file, value in _limits(hierarchy, memory_mb, max_processes, cpus):
                    _write(self.folders[-1] / file, value)
                self.counts |= hierarchy.controllers
        except BaseException:
            self.close()
            raise

    def _make(self, hierarchy: Hierarchy, name: str) -> None:
        while True:  # until somebody who sweeps has not taken it for left behind
            folder = hierarchy.folder / name
            folder.mkdir(parents=True)
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                self.folders.append(folder)
                self._locks.append(lock)
                return
            os.close(lock)

    def killed_for_memory(self) -> int:
        """Return how many processes the kernel has killed because memory was at its limit."""
        for folder in self.folders:
            for file in ("memory.events", "memory.oom_control"):
                with suppress(OSError):
                    for line in (folder / file).read_text().splitlines():
                        if line.startswith("oom_kill "):
                            return int(line.split()[1])
        return 0

    def close(self) -> None:
        """Kill what is in it, and remove it."""
        for folder in self.folders:
            _remove(folder)
        for lock in self._locks:
            os.close(lock)
        self.folders, self._locks = [], []


def sweep() -> None:
    """Kill and remove the groups of owners that are gone."""
    for hierarchy in hierarchies():
        for folder in _children(hierarchy.folder):
            with suppress(OSError):
                lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)
                finally:
                    os.close(lock)


@cache
def hierarchies() -> Sequence[Hierarchy]:
    """Return where groups can be made; nowhere is an empty list."""
    if (ROOT / "cgroup.controllers").exists():
        with suppress(OSError):
            return _version_2()
        return []
    found = []
    for controller in CONTROLLERS:
        folder = ROOT / controller / NAME
        if os.access(folder.parent, os.W_OK):
            found.append(Hierarchy(folder, frozenset({controller}), 1))
    return found


def _version_2() -> Sequence[Hierarchy]:
    base = _delegated()
    if base is None:
        if os.geteuid() != 0:
            return []
        base = ROOT
    folder = base / NAME
    folder.mkdir(exist_ok=True)
    for parent in (base, folder):
        for controller in CONTROLLERS:
            with suppress(OSError):
                _write(parent / "cgroup.subtree_control", f"+{controller}")
    given = (folder / "cgroup.subtree_control").read_text().split()
    controllers = frozenset(CONTROLLERS) & frozenset(given)
    return [Hierarchy(folder, controllers, 2)] if controllers else []


def _delegated() -> Path | None:
    """Return our own group if we were given it with all below it, as `Delegate=yes` does.

    Its processes are moved into a group below it: one that gives limits holds none itself.
    """
    (line,) = [
        line
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if line.startswith("0::")
    ]
    own = ROOT / line.removeprefix("0::/")
    if own.name == MAIN:
        return own.parent
    for attribute in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            if os.getxattr(own, attribute) == b"1":
                (own / MAIN).mkdir(exist_ok=True)
                for pid in (own / "cgroup.procs").read_text().split():
                    with suppress(ProcessLookupError):
                        _write(own / MAIN / "cgroup.procs", pid)
                return own
    return None


def _limits(
    hierarchy: Hierarchy, memory_mb: int, max_processes: int, cpus: float
) -> Iterator[tuple[str, int | str]]:
    """Yield each file of the group that must be written, and what, in that order."""
    memory, quota = memory_mb * 2**20, int(cpus * PERIOD)
    if "pids" in hierarchy.controllers:
        yield "pids.max", max_processes
    if hierarchy.version == 1:
        if "memory" in hierarchy.controllers:
            yield "memory.limit_in_bytes", memory
            if (ROOT / "memory/memory.memsw.limit_in_bytes").exists():
                yield "memory.memsw.limit_in_bytes", memory
        if "cpu" in hierarchy.controllers:
            yield "cpu.cfs_period_us", PERIOD
            yield "cpu.cfs_quota_us", quota
        return
    if "memory" in hierarchy.controllers:
        yield "memory.max", memory
        if Path("/proc/swaps").read_text().count("\n") > 1:
            yield "memory.swap.max", 0
    if "cpu" in hierarchy.controllers:
        yield "cpu.max", f"{quota} {PERIOD}"


def _remove(folder: Path) -> None:
    """Kill a group's processes until it can be removed. One that cannot is left for a sweep."""
    deadline = time.monotonic() + REMOVE_WITHIN_SECONDS
    while True:
        with suppress(OSError):
            for pid in (folder / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.002)  # nothing tells when the last of them is gone
        else:
            return


def _children(folder: Path) -> list[Path]:
    try:
        return [child for child in folder.iterdir() if child.is_dir()]
    except OSError:
        return []


def _write(path: Path, value: int | str) -> None:
    # In one write: these files take a whole answer at a time.
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)
