"""Where an agent's directory lies, and that it is there while it is used.

    <AGENHOOD_AGENTS>/<workspace id>/<agent id>/
        uid           the system user that its programs run as
        disk.img      its disk, and disk/ where that is mounted: disk/files/ is the directory
        files/        the directory itself, where nothing can be mounted

A disk is mounted while somebody uses it: a sandbox, or the console. Each holds a lock; the last one
unmounts, a worker only after a while (`keeper`), as an agent's next task often comes soon. What a
killed process left mounted is unmounted by whoever comes next, and by `sweep`.
"""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from django.conf import settings

from agenhood.fleet.agent_files import disk
from agenhood.fleet.agent_files.disk import DiskError
from agenhood.fleet.agent_files.keeping import Keeper
from agenhood.fleet.agent_files.locks import exclusive, locked
from agenhood.fleet.agent_files.refusal import PlaceUnusable
from agenhood.fleet.agent_files.uids import uid_of
from agenhood.fleet.models import Agent

__all__ = ["Place", "PlaceUnusable", "Usage", "keeper", "sweep"]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose directory it is, and how large it may become, in MB of 2**20 bytes."""

    workspace_id: UUID
    agent_id: UUID
    disk_mb: int

    @classmethod
    def of(cls, agent: Agent) -> Self:
        return cls(agent.workspace_id, agent.pk, agent.disk_mb)

    @property
    def folder(self) -> Path:
        return root() / str(self.workspace_id) / str(self.agent_id)

    def use(self) -> "Usage":
        """Have the directory there until the usage is closed. Raises PlaceUnusable."""
        return Usage(self)


class Usage:
    """That somebody uses an agent's directory. `path` is the directory, `uid` whose it is.

    `is_limited` tells whether the kernel itself holds it to its size. A context manager.
    """

    path: Path
    uid: int
    is_limited: bool

    def __init__(self, place: Place) -> None:
        self.place = place
        try:
            _make(place.folder)
            keeper.forget_other_size(place.folder, place.disk_mb)
            self.uid = uid_of(place.folder, root())
            with exclusive(place.folder / "mount.lock"):
                self._lock = locked(place.folder / "use.lock", fcntl.LOCK_SH)
                try:
                    self._prepare()
                except BaseException:
                    os.close(self._lock)
                    raise
        except DiskError as error:
            raise PlaceUnusable(
                f"The agent's disk cannot be used on this machine. {error}"
            ) from None
        except OSError as error:
            raise PlaceUnusable(
                f"The agent's directory cannot be used on this machine: {error.strerror}."
            ) from None

    def _prepare(self) -> None:
        image, folder = self.place.folder / "disk.img", self.place.folder / "disk"
        plain = self.place.folder / "files"
        if image.exists() or (disk.can_mount() and not plain.exists()):
            if not disk.can_mount():
                raise DiskError("It was made by root, and only root can mount it.")
            if not image.exists():
                disk.make(image, self.place.disk_mb)
            folder.mkdir(mode=0o711, exist_ok=True)
            if not folder.is_mount():
                disk.mount(image, folder, self.place.disk_mb)
                folder.chmod(0o711)
            self.path, self.is_limited = folder / "files", True
        else:
            self.path, self.is_limited = plain, False
        self._make_directory()

    def _make_directory(self) -> None:
        """Make the directory with its folder for results, the agent's own.

        Whatever the agent has put in their place stays, and a full disk can still be looked at.
        """
        for folder in (self.path, self.path / "out"):
            with suppress(FileExistsError, NotADirectoryError):
                try:
                    folder.mkdir(mode=0o700)
                except OSError as error:
                    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                        raise
                else:
                    os.chown(folder, self.uid, self.uid, follow_symlinks=False)

    def close(self) -> None:
        """Let go of the directory. The last one to do so unmounts it."""
        lock, self._lock = self._lock, -1
        if lock < 0 or (
            self.is_limited and keeper.keep(self.place.folder, lock, self.place.disk_mb)
        ):
            return
        os.close(lock)
        _unmount_if_unused(self.place.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def root() -> Path:
    """Return the folder of all agents' directories."""
    return Path(settings.AGENHOOD_AGENTS)


def sweep() -> None:
    """Unmount what processes that are gone left mounted, as far as nobody uses it."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        folder = Path(line.split()[1].encode().decode("unicode_escape"))
        if folder.name == "disk" and folder.parent.parent.parent == root():
            _unmount_if_unused(folder.parent)


def _unmount_if_unused(folder: Path) -> None:
    mounted = folder / "disk"
    with suppress(FileNotFoundError), exclusive(folder / "mount.lock"):
        if not mounted.is_mount():
            return
        try:
            lock = locked(folder / "use.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # somebody else uses it, and unmounts it
        with suppress(DiskError):  # whoever comes next tries again
            disk.unmount(mounted)
        os.close(lock)


keeper = Keeper(_unmount_if_unused)


def _make(folder: Path) -> None:
    """Make an agent's folder. As root, its own user must be able to pass through it, and no more;
    otherwise nobody else may enter."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for step in (root(), folder.parent, folder):
        if not step.is_dir():
            step.mkdir(mode=mode, parents=step == root(), exist_ok=True)
            step.chmod(mode)
    found = folder.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise DiskError(f"Its folder {folder} belongs to another user.")
