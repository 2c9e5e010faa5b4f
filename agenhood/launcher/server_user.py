"""The unprivileged user that PostgreSQL runs as: ourselves or, as it refuses root, `agenhood`."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TypedDict

from agenhood.launcher.errors import LauncherError

NAME = "agenhood"


class Identity(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that make the child run as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class ServerUser:
    name: str
    uid: int
    gid: int

    @property
    def identity(self) -> Identity:
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user() -> ServerUser:
    """Return the user, made by useradd if we are root and there is none. Raises LauncherError."""
    if os.geteuid() != 0:
        try:
            return _look_up(_current_name())
        except KeyError:
            raise LauncherError(
                f"User id {os.geteuid()} has no name on this system, and PostgreSQL does not start"
                " without one. Run this as a user who is listed in /etc/passwd."
            ) from None
    try:
        return _look_up(NAME)
    except KeyError:
        return _create()


def _current_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _look_up(name: str) -> ServerUser:
    entry = pwd.getpwnam(name)
    return ServerUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create() -> ServerUser:
    command = ["useradd", "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", NAME]
    try:
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        return _look_up(NAME)  # it may have failed since a second start has just made the user
    except FileNotFoundError:
        reason = "there is no useradd command"
    except KeyError:
        reason = made.stderr.strip()
    raise LauncherError(
        f"PostgreSQL does not run as root, and its user cannot be made: {reason}. Make a system"
        f' user named "{NAME}", or run this as an ordinary user.'
    )
