"""Looking into an agent's directory, and changing it, from outside its sandbox."""

import errno
import io
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import BinaryIO, Literal, cast

from agenhood.fleet.agent_files.beneath import (
    FOLDER,
    LONGEST_PATH,
    folder_beneath,
    in_words,
    open_beneath,
)
from agenhood.fleet.agent_files.place import Place, Usage
from agenhood.fleet.agent_files.refusal import FileRefused
from agenhood.fleet.agent_files.tree import measure, remove_all, taken
from agenhood.fleet.models import Agent

MOST_ENTRIES = 10_000  # that a listing reads of one folder
# Of a walk, which whoever made the folders may have made to last for ever.
MOST_WALKED = 20_000  # entries, folders among them
DEEPEST = 100  # folders within each other
WALK_SECONDS = 5.0
MOST_MEASURED = 100_000  # entries, where no disk says what they take
PLAIN_FILE = os.O_RDONLY | os.O_NONBLOCK  # a pipe must not make whoever opens it wait

Kind = Literal["folder", "file", "link", "other"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder holds. Only a "file" can be opened, only a "folder" listed; "other" are pipes,
    sockets, devices, and names that are no UTF-8. `size` is in bytes."""

    name: str
    kind: Kind
    size: int
    changed_at: datetime


def listing(agent: Agent | Place, path: str = "") -> list[Entry]:
    """Return what is in a folder, folders first, then by name; at most MOST_ENTRIES.

    Raises FileRefused.
    """
    with _used(agent) as directory, in_words(), folder_beneath(directory, path) as folder:
        return _entries(folder, MOST_ENTRIES)


def walk(agent: Agent | Place, path: str = "") -> "Walk":
    """Return what yields each plain file below a folder with its path from the agent's directory.

    No link is followed; folders that vanish, cannot be read or are too deep are left out, and what
    there is beyond MOST_WALKED entries or WALK_SECONDS. The directory is in use until the iterator
    is exhausted or closed. Iterating raises FileRefused.
    """
    return Walk(_place(agent), path)


class Walk:
    """A walk through a folder. `is_whole` turns false when something is left out for its size."""

    def __init__(self, place: Place, path: str) -> None:
        self._place, self._path = place, path
        self.is_whole = True

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        with _used(self._place) as directory:
            with in_words(), folder_beneath(directory, self._path):
                pass
            yield from self._files(directory, self._path.strip("/"))

    def _files(self, directory: int, top: str) -> Iterator[tuple[str, Entry]]:
        room, end = MOST_WALKED, time.monotonic() + WALK_SECONDS
        waiting = [(top, 1)]
        while waiting:
            if room <= 0 or time.monotonic() > end:
                self.is_whole = False
                return
            current, depth = waiting.pop()
            most = min(room, MOST_ENTRIES)
            try:
                with folder_beneath(directory, current) as folder:
                    entries = _entries(folder, most)
            except OSError:
                continue
            room -= len(entries)
            if len(entries) == most:
                self.is_whole = False
            for entry in entries:
                below = f"{current}/{entry.name}" if current else entry.name
                if entry.kind == "file":
                    yield below, entry
                elif entry.kind == "folder":
                    if depth < DEEPEST and len(os.fsencode(below)) < LONGEST_PATH:
                        waiting.append((below, depth + 1))
                    else:
                        self.is_whole = False


def open_file(agent: Agent | Place, path: str) -> BinaryIO:
    """Open a plain file for reading; close it soon. Raises FileRefused for anything else."""
    usage = _place(agent).use()
    try:
        with in_words(), _Directory(usage) as directory:
            descriptor = open_beneath(directory, path, PLAIN_FILE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileRefused("This is no plain file.")
        return cast(BinaryIO, _UsedFile(descriptor, usage))
    except BaseException:
        usage.close()
        raise


def store(agent: Agent | Place, path: str, chunks: Iterable[bytes]) -> int:
    """Write a file of these bytes, folders on the way included; return its size.

    What was there under that name is replaced once all is written: a link itself, not what it
    points to. Raises FileRefused, for a folder of that name and a full disk, too.
    """
    place = _place(agent)
    folders, name = _parts(path)
    if not name:
        raise FileRefused("This name is not allowed.")
    with place.use() as usage, in_words(), _Directory(usage) as directory:
        room = None if usage.is_limited else place.disk_mb * 2**20 - _taken(usage, directory)
        _make_folders(directory, folders, usage.uid)
        with folder_beneath(directory, "/".join(folders)) as folder:
            new = f".{token_hex(8)}.upload"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(new, flags, 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    size = _write(file, chunks, room)
                    os.fchmod(descriptor, 0o644)
                    os.fchown(descriptor, usage.uid, usage.uid)
                os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(new, dir_fd=folder)
                raise
    return size


def remove(agent: Agent | Place, path: str) -> None:
    """Remove a file, a link, or a folder with all that is in it; with "" all that is in the
    directory. Raises FileRefused."""
    folders, name = _parts(path)
    above = "/".join(folders)
    with _used(agent) as directory, in_words(), folder_beneath(directory, above) as folder:
        for found in [name] if name else os.listdir(folder):  # noqa: PTH208  an open folder
            remove_all(directory, folder, found)


def usage(agent: Agent | Place) -> int:
    """Return how many bytes of its disk the agent's directory takes. Raises FileRefused."""
    with _place(agent).use() as usage, in_words(), _Directory(usage) as directory:
        return _taken(usage, directory)


def _taken(usage: Usage, directory: int) -> int:
    if usage.is_limited:
        return taken(directory)
    return measure(directory, MOST_MEASURED).size


def _parts(path: str) -> tuple[list[str], str]:
    """Return the folders of a path and the name in the last of them. Raises FileRefused."""
    *folders, name = [part for part in path.split("/") if part] or [""]
    if "\0" in path or {".", ".."} & {*folders, name}:
        raise FileRefused("This name is not allowed.")
    return folders, name


class _Directory:
    """An agent's directory, open for a block; its usage is closed after it if `close` is set."""

    def __init__(self, usage: Usage, *, close: bool = False) -> None:
        self.usage, self.close = usage, close

    def __enter__(self) -> int:
        try:
            self.descriptor = os.open(self.usage.path, FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC)
        except BaseException:
            if self.close:
                self.usage.close()
            raise
        return self.descriptor

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)
        if self.close:
            self.usage.close()


def _used(agent: Agent | Place) -> _Directory:
    return _Directory(_place(agent).use(), close=True)


def _place(agent: Agent | Place) -> Place:
    return agent if isinstance(agent, Place) else Place.of(agent)


class _UsedFile(io.FileIO):
    """A file whose directory is in use until it is closed."""

    def __init__(self, descriptor: int, usage: Usage) -> None:
        super().__init__(descriptor, "rb")
        self._usage = usage

    def close(self) -> None:
        super().close()
        self._usage.close()


def _entries(folder: int, most: int) -> list[Entry]:
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            with suppress(FileNotFoundError):  # it vanished meanwhile
                entries.append(_entry(item.name, item.stat(follow_symlinks=False)))
            if len(entries) == most:
                break
    return sorted(entries, key=lambda entry: (entry.kind != "folder", entry.name))


def _entry(name: str, found: os.stat_result) -> Entry:
    kinds: dict[int, Kind] = {stat.S_IFDIR: "folder", stat.S_IFREG: "file", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    shown = os.fsencode(name).decode(errors="backslashreplace")
    if shown != name:
        kind = "other"
    return Entry(shown, kind, found.st_size, _time(found.st_mtime))


def _time(seconds: float) -> datetime:
    """Return a time that an agent may have set to anything."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _make_folders(directory: int, folders: list[str], uid: int) -> None:
    """Make each folder of a path that is not there yet, the agent's own."""
    for depth, name in enumerate(folders):
        with folder_beneath(directory, "/".join(folders[:depth])) as parent:
            try:
                os.mkdir(name, 0o755, dir_fd=parent)
            except FileExistsError:
                continue
            os.chown(name, uid, uid, dir_fd=parent, follow_symlinks=False)


def _write(file: BinaryIO, chunks: Iterable[bytes], room: int | None) -> int:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if room is not None and size > room:
            raise OSError(errno.ENOSPC, "over the agent's limit")
        file.write(chunk)
    file.flush()
    return size
