"""An agent's disk where we are root: a file with an ext4 file system of the size that it may have.

The only limit that holds against a program that writes as fast as it can. Files in it that are
setuid, or devices, are neither outside. It is an ordinary sparse file: it takes what is in use.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from agenhood.fleet.agent_files import mounting

MB = 2**20
# Where they lie on distributions that keep them from ordinary users' PATH.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
TOOLS = ("mkfs.ext4", "e2fsck", "resize2fs")
SYS_ADMIN = 21  # linux/capability.h


class DiskError(Exception):
    """The disk could not be made or mounted; the message has the tool's own words."""


@cache
def can_mount() -> bool:
    """Tell whether this process may mount a file, and has the programs for it."""
    return (
        os.geteuid() == 0
        and all(shutil.which(tool, path=PATH) for tool in TOOLS)
        and mounting.CONTROL.exists()
        and bool(_capabilities() >> SYS_ADMIN & 1)
    )


def make(image: Path, size_mb: int) -> None:
    """Make a disk; one that is half made is never found at its name. Raises DiskError."""
    new = image.with_suffix(".new")
    with new.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(size_mb * MB)
    lazily = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    _run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", lazily, str(new))
    new.replace(image)


def mount(image: Path, folder: Path, size_mb: int) -> None:
    """Mount a disk, grown or shrunk if its size is another now. Raises DiskError."""
    if image.stat().st_size != size_mb * MB:
        _resize(image, size_mb)
    try:
        _mount(image, folder)
    except DiskError:
        _check(image)  # the machine may have lost its power
        _mount(image, folder)


def unmount(folder: Path) -> None:
    """Unmount a disk. Raises DiskError while something uses it."""
    try:
        mounting.unmount(folder)
    except OSError as error:
        raise DiskError(f"umount: {error.strerror}") from None


def _mount(image: Path, folder: Path) -> None:
    try:
        mounting.mount_file(image, folder)
    except OSError as error:
        raise DiskError(f"mount: {error.strerror}") from None


def _resize(image: Path, size_mb: int) -> None:
    """Give a disk that is not mounted another size. It stays larger if more than that is in it."""
    _check(image)
    if image.stat().st_size < size_mb * MB:
        os.truncate(image, size_mb * MB)
        _run("resize2fs", str(image))
        return
    try:
        _run("resize2fs", str(image), f"{size_mb}M")
    except DiskError:
        return
    os.truncate(image, size_mb * MB)


def _check(image: Path) -> None:
    _run("e2fsck", "-f", "-y", str(image), fine={0, 1})  # 1: errors were corrected


def _run(tool: str, *arguments: str, fine: "set[int] | None" = None) -> None:
    command = [shutil.which(tool, path=PATH) or tool, *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode not in (fine or {0}):
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise DiskError(f"{tool}: {said}")


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
