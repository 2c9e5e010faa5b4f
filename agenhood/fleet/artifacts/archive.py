"""Several files as one zip, made while it is sent."""

import io
import re
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, cast

from workspaces.downloads import CHUNK, read
from workspaces.files import FileVanished, safe_name

LONGEST_PATH = 1000  # characters; deeper ones lose their outer folders
MISSING = "FILES THAT ARE MISSING.txt"
ZIP64_FROM = 2**31


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive. `open` opens it, or raises FileVanished."""

    path: str
    size: int
    modified: datetime
    open: Callable[[], Any]


def zipped(members: list[Member]) -> Generator[bytes]:
    """Yield a zip of the members, a chunk at a time.

    Their paths lead nowhere else on who unpacks it, and no two are the same, in upper and lower
    case alike. Files that vanished are listed in a file of their own.
    """
    names = archive_names([member.path for member in members])
    sink = _Sink()
    missing = []
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED) as archive:
        for member, name in zip(members, names, strict=True):
            try:
                file = member.open()
            except FileVanished:
                missing.append(name)
                continue
            entry = _entry(name, member.modified)
            try:
                with archive.open(entry, "w", force_zip64=member.size >= ZIP64_FROM) as target:
                    for chunk in read(file):
                        target.write(chunk)
                        if len(sink.waiting) >= CHUNK:
                            yield sink.drain()
            finally:
                file.close()
        if missing:
            archive.writestr(_entry(MISSING, members[0].modified), "\n".join(missing) + "\n")
    yield sink.drain()


def archive_names(paths: list[str]) -> list[str]:
    """Return a safe name in an archive for each path: no two alike, none both file and folder."""
    files, folders = {MISSING.casefold()}, set[str]()
    last_number: dict[str, int] = {}
    names = []
    for path in paths:
        wanted = name = _safe_path(path)
        while _is_taken(name.casefold(), files, folders):
            number = last_number.get(wanted.casefold(), 1) + 1
            last_number[wanted.casefold()] = number
            name = _numbered(wanted, number)
        files.add(name.casefold())
        folders.update(_folders(name.casefold()))
        names.append(name)
    return names


def _is_taken(name: str, files: set[str], folders: set[str]) -> bool:
    return name in files or name in folders or not files.isdisjoint(_folders(name))


def _folders(name: str) -> list[str]:
    """Return the folders that a path is in, the innermost first."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]


def _safe_path(path: str) -> str:
    """Return the path without a drive, a root, steps up, and names that some system refuses."""
    parts = [part for part in re.split(r"[/\\]", path) if part.strip(" .")]
    safe = [safe_name(part, otherwise="file") for part in parts] or ["file"]
    while len("/".join(safe)) > LONGEST_PATH:
        del safe[0]
    return "/".join(safe)


def _numbered(path: str, number: int) -> str:
    """Put a number on the file, and on the outermost folder if there is one: either may clash."""
    *folders, name = path.split("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    if folders:
        folders[0] += f" ({number})"
    return "/".join([*folders, f"{stem} ({number}){dot}{extension}"])


def _entry(name: str, modified: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, modified.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16  # a plain file, nobody else's, that is not run
    return entry


class _Sink(io.RawIOBase):
    """Takes what the archive writes, and cannot go back: a stream."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.waiting += data
        return len(data)

    def drain(self) -> bytes:
        chunk = bytes(self.waiting)
        self.waiting.clear()
        return chunk
