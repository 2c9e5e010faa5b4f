"""A disk's limit where no file system holds it: a directory is measured while programs run."""

import os
import time
from pathlib import Path

from agenhood.fleet.agent_files.tree import measure
from agenhood.runtime.sandbox import processes

MB = 2**20
BYTES_PER_FILE = 16384  # as mke2fs reckons, so that a limit means the same where there is a disk
# A directory of many files takes its time: at most this part of it goes into measuring.
SHARE = 10


class DiskWatch:
    def __init__(self, directory: Path, disk_mb: int) -> None:
        self.directory, self.most = directory, disk_mb * MB
        self._next = 0.0

    def is_over(self, first: int) -> bool:
        """Tell whether more is in the directory than may be, or in files without a name."""
        began = time.monotonic()
        if began < self._next:
            return False
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = measure(descriptor, most_files=self.most // BYTES_PER_FILE)
        finally:
            os.close(descriptor)
        is_over = (
            found.size + processes.removed_but_open(first) > self.most
            or found.files > self.most // BYTES_PER_FILE
            or not found.is_whole
        )
        ended = time.monotonic()
        self._next = ended + (ended - began) * SHARE
        return is_over
