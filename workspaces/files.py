"""Files of workspaces, in Django's storages: each under its own workspace's prefix.

A key is `<workspace id>/<id of the row>`, or with `-<number>` after it: nobody chooses it and no
name from outside is part of it. Each function asks that the key is of the active workspace, so that
a key that came from elsewhere opens nothing.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.utils import timezone

from workspaces.managers import WorkspaceMismatch
from workspaces.scope import current_scope

KEY = re.compile(r"(?P<workspace>[0-9a-f-]{36})/[0-9a-f-]{36}(-\d{1,9})?")
LONGEST_NAME = 200  # bytes, of the 255 that file systems take
LONGEST_EXTENSION = 10
UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode's categories
SETTLED_AFTER = timedelta(days=1)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # on Windows


class FileVanished(LookupError):
    """The row is there and its file is not: removed outside the console, or never finished."""


def key_of(row_id: UUID, number: int | None = None) -> str:
    """Return the key of a row's file in the active workspace."""
    end = "" if number is None else f"-{number}"
    return f"{current_scope().workspace_id}/{row_id}{end}"


def save(storage: str, key: str, content: "File[bytes]") -> None:
    """Store a file under a key that is free. Raises FileExistsError if it is not."""
    kept = _storage(storage, key)
    written = kept.save(key, content)
    if written != key:
        kept.delete(written)
        raise FileExistsError(f"{storage} already holds {key}")


def open_file(storage: str, key: str) -> "File[bytes]":
    """Open a file for reading. Raises FileVanished."""
    try:
        return _storage(storage, key).open(key, "rb")
    except FileNotFoundError:
        raise FileVanished(key) from None


def delete(storage: str, key: str) -> None:
    """Remove a file; one that is gone already is as good."""
    _storage(storage, key).delete(key)


def is_settled(storage: str, key: str) -> bool:
    """Whether a file has been there for so long that what it belongs to is stored, or never will
    be."""
    try:
        return _storage(storage, key).get_modified_time(key) < timezone.now() - SETTLED_AFTER
    except FileNotFoundError:
        return False


def keys(storage: str) -> Iterator[str]:
    """Yield the keys of all files of the active workspace."""
    prefix = str(current_scope().workspace_id)
    try:
        _folders, names = storages[storage].listdir(prefix)
    except FileNotFoundError:
        names = []
    for name in names:
        if KEY.fullmatch(f"{prefix}/{name}"):
            yield f"{prefix}/{name}"


def _storage(storage: str, key: str) -> Storage:
    parts = KEY.fullmatch(key)
    if parts is None:
        raise ValueError(f"{key!r} is no key of a file")
    if parts["workspace"] != str(current_scope().workspace_id):
        raise WorkspaceMismatch("The file is of another workspace.")
    return storages[storage]


def safe_name(name: str, *, otherwise: str) -> str:
    """Return the last part of a path as a file name that any system takes.

    Without folders, control characters, marks that turn the direction of text, and characters that
    a file system or a shell gives a meaning to; `otherwise` when nothing is left.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(c for c in last if unicodedata.category(c) not in UNPRINTABLE)
    kept = re.sub(r'[<>:"|?*;%]', "_", kept).strip(" .")
    if len(kept.encode()) > LONGEST_NAME:
        stem, dot, extension = kept.rpartition(".")
        if not stem or len(extension.encode()) > LONGEST_EXTENSION:
            stem, dot, extension = kept, "", ""
        room = LONGEST_NAME - len(f"{dot}{extension}".encode())
        kept = stem.encode()[:room].decode(errors="ignore") + dot + extension
    if RESERVED.match(kept):
        kept = f"_{kept}"
    return kept or otherwise
