"""The folder of PostgreSQL's socket, whose path must be short enough for a socket's address."""

import hashlib
import os
import stat
from pathlib import Path

from agenhood.launcher.errors import LauncherError
from agenhood.launcher.server_user import ServerUser

PORT = 5432  # only a part of the socket's name: nothing listens on a network
LONGEST_PATH = 107  # bytes: sizeof(sockaddr_un.sun_path) - 1 on Linux


def socket_folder(preferred: Path) -> Path:
    """Return `preferred`, or a short path, always the same one, where that does not fit.

    A comma would not fit either: in libpq's `host` it separates servers.
    """
    path = os.fsencode(preferred / f".s.PGSQL.{PORT}")
    if len(path) <= LONGEST_PATH and b"," not in path:
        return preferred
    digest = hashlib.sha256(path).hexdigest()[:16]
    # Anybody can make a folder in /tmp first; make_socket_folder refuses to use that.
    return Path("/run" if os.geteuid() == 0 else "/tmp") / f"agenhood-{digest}"  # noqa: S108


def make_socket_folder(folder: Path, user: ServerUser) -> None:
    """Create the folder for `user` alone. Raises LauncherError if another user was there first."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, user.uid, user.gid)
    except FileExistsError:
        pass
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    if not private or found.st_uid != user.uid:
        raise LauncherError(
            f"{folder}, where PostgreSQL's socket goes, is not a private folder of the user"
            f" {user.name}. Remove it, or choose a data folder with a shorter path (AGENHOOD_DATA)."
        )
