"""The data folder on disk: who may enter it, and the locks that processes share it with."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agenhood.launcher.errors import LauncherError
from agenhood.launcher.paths import others_can_enter
from agenhood.launcher.server_user import ServerUser


def make_data_folder(data: Path) -> None:
    """Create the data folder if need be. Raises LauncherError if it is not ours.

    Everything in it has a mode of its own. Others can at most pass through, and only if it is
    root's, for PostgreSQL's user.
    """
    root = os.geteuid() == 0
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        data.mkdir(mode=0o711 if root else 0o700, exist_ok=True)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise LauncherError(
            f"The data folder {data} cannot be made: {error.strerror}. Choose another one with"
            " AGENHOOD_DATA."
        ) from None
    found = data.stat()
    if found.st_uid != os.geteuid():
        raise LauncherError(
            f"The data folder {data} belongs to another user (id {found.st_uid}). Run this as that"
            " user, or choose another folder with AGENHOOD_DATA."
        )
    if root and not any(data.iterdir()):
        data.chmod(found.st_mode | stat.S_IXOTH)  # one that mktemp -d made, for example


def refuse_unreachable(data: Path, user: ServerUser) -> None:
    """Raise LauncherError if PostgreSQL's user cannot pass through the data folder."""
    if user.uid != os.geteuid() and not others_can_enter(data):
        raise LauncherError(
            f"PostgreSQL does not run as root, and its user {user.name} cannot enter {data}. Let"
            " others pass through it and its parents (chmod o+x), or choose another folder with"
            " AGENHOOD_DATA."
        )


def open_lock(path: Path) -> int:
    """Open a lock file and return its descriptor; closing it, or dying, releases the lock."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` alone for a block; waits for whoever holds it."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
