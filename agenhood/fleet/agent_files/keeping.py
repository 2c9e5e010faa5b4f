"""Disks that stay mounted for a while after their last use, so that the next one begins sooner.

To unmount waits until the machine's disk has written all, to mount reads it again. Only a process
that asks for it keeps disks: a worker. What it keeps it holds the lock of, as whoever uses a disk.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60.0
MOST = 64  # of one process; each is a block device, and some of the kernel's memory


@dataclass(slots=True)
class _Kept:
    lock: int
    size: int
    until: float


class Keeper:
    """`unmount` is called with the folder of a disk that is not kept any longer."""

    def __init__(self, unmount: Callable[[Path], None]) -> None:
        self._unmount = unmount
        self._kept: dict[Path, _Kept] = {}  # the one that was used longest ago first
        self._changed = threading.Condition()
        self._seconds = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, seconds: float = SECONDS) -> None:
        """Keep disks from now on, until `end` is called or the process ends in order."""
        with self._changed:
            self._seconds = seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="kept disks", daemon=True)
                self._thread.start()
                atexit.register(self.end)

    def end(self) -> None:
        with self._changed:
            self._seconds = 0.0
            kept, self._kept = self._kept, {}
        self._let_go(kept)

    def keep(self, folder: Path, lock: int, size: int) -> bool:
        """Take over the lock of a disk whose use ends, unless none are kept."""
        with self._changed:
            if not self._seconds:
                return False
            known = self._kept.pop(folder, None)
            until = time.monotonic() + self._seconds
            self._kept[folder] = _Kept(lock, size, until)
            oldest = next(iter(self._kept))
            over = {oldest: self._kept.pop(oldest)} if len(self._kept) > MOST else {}
            self._changed.notify_all()
        if known:
            os.close(known.lock)
        self._let_go(over)
        return True

    def forget_other_size(self, folder: Path, size: int) -> None:
        """Let go of a disk that is to have another size: it gets it when it is mounted."""
        with self._changed:
            known = self._kept.get(folder)
            if known is None or known.size == size:
                return
            del self._kept[folder]
        self._let_go({folder: known})

    def _work(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                over = {folder: kept for folder, kept in self._kept.items() if kept.until <= now}
                for folder in over:
                    del self._kept[folder]
                if not over:
                    first = next(iter(self._kept.values()), None)
                    self._changed.wait(first.until - now if first else None)
            self._let_go(over)

    def _let_go(self, kept: "dict[Path, _Kept]") -> None:
        for folder, one in kept.items():
            os.close(one.lock)
            self._unmount(folder)
