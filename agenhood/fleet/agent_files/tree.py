"""Whole trees of files that somebody hostile made, and may be changing: their size, their end.

However deep they are, a few descriptors and no recursion are enough.
"""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from agenhood.fleet.agent_files.beneath import FOLDER, LONGEST_PATH, open_beneath

BLOCK = 512  # bytes, of st_blocks whatever the file system


@dataclass(frozen=True, slots=True)
class Measure:
    """What a tree takes: bytes on the disk, and how many files and folders. `is_whole` is false
    where there were folders too deep to be reached by a path."""

    size: int
    files: int
    is_whole: bool


def measure(directory: int, most_files: int | None = None) -> Measure:
    """Measure what is in an open folder; stop at more than `most_files`."""
    size = files = 0
    is_whole = True
    seen = set[tuple[int, int]]()  # files of several names are counted once
    waiting = [""]
    while waiting:
        path = waiting.pop()
        try:
            folder = open_beneath(directory, path, FOLDER)
        except OSError:
            continue
        try:
            with os.scandir(folder) as found:
                for item in found:
                    files += 1
                    if most_files is not None and files > most_files:
                        return Measure(size, files, is_whole)
                    with suppress(OSError):
                        facts = item.stat(follow_symlinks=False)
                        if facts.st_nlink > 1 and not stat.S_ISDIR(facts.st_mode):
                            if (facts.st_dev, facts.st_ino) in seen:
                                continue
                            seen.add((facts.st_dev, facts.st_ino))
                        size += facts.st_blocks * BLOCK
                        if stat.S_ISDIR(facts.st_mode):
                            below = f"{path}/{item.name}" if path else item.name
                            if len(os.fsencode(below)) < LONGEST_PATH:
                                waiting.append(below)
                            else:
                                is_whole = False
        finally:
            os.close(folder)
    return Measure(size, files, is_whole)


def taken(directory: int) -> int:
    """Return how many bytes of an agent's own disk are taken, without looking at each file."""
    disk = os.fstatvfs(directory)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


def remove_all(directory: int, folder: int, name: str) -> None:
    """Remove a file, or a folder with all that is in it, from an open folder inside `directory`.

    Folders in it are moved up beside it first, one by one, so that none is too deep. Raises
    OSError.
    """
    if not _is_folder(folder, name):
        os.unlink(name, dir_fd=folder)
        return
    waste = f".{token_hex(8)}.waste"
    try:
        os.mkdir(waste, 0o700, dir_fd=directory)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _thin(folder, name)
        os.mkdir(waste, 0o700, dir_fd=directory)
    inside = open_beneath(directory, waste, FOLDER)
    try:
        _move(folder, name, inside, "0")
        waiting, number = ["0"], 0
        while waiting:
            current = waiting.pop()
            child = open_beneath(inside, current, FOLDER)
            try:
                for item in os.listdir(child):  # noqa: PTH208  an open folder
                    if _is_folder(child, item):
                        number += 1
                        _move(child, item, inside, str(number))
                        waiting.append(str(number))
                    else:
                        os.unlink(item, dir_fd=child)
            finally:
                os.close(child)
            os.rmdir(current, dir_fd=inside)
    finally:
        os.close(inside)
        os.rmdir(waste, dir_fd=directory)


def _thin(folder: int, name: str) -> None:
    """Remove what can be reached in a folder by a path, since the disk is too full to move it."""
    waiting, emptied = [name], list[str]()
    while waiting:
        path = waiting.pop()
        emptied.append(path)
        with suppress(OSError):
            child = open_beneath(folder, path, FOLDER)
            try:
                for item in os.listdir(child):  # noqa: PTH208  an open folder
                    if _is_folder(child, item):
                        waiting.append(f"{path}/{item}")
                    else:
                        os.unlink(item, dir_fd=child)
            finally:
                os.close(child)
    for path in reversed(emptied[1:]):
        parent, _, last = path.rpartition("/")
        with suppress(OSError):
            above = open_beneath(folder, parent, FOLDER)
            try:
                os.rmdir(last, dir_fd=above)
            finally:
                os.close(above)


def _is_folder(folder: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _move(source: int, name: str, target: int, new_name: str) -> None:
    """Move a folder, made writable first: its owner may have taken that from it, and where we are
    not root that is us."""
    moved = open_beneath(source, name, os.O_PATH | os.O_DIRECTORY)
    try:
        Path(f"/proc/self/fd/{moved}").chmod(0o700)
    finally:
        os.close(moved)
    os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
