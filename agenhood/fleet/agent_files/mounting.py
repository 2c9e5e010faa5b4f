"""Mounting a file by the kernel's own calls: mount(8) is a program, which takes longer to start."""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

CONTROL = Path("/dev/loop-control")

# linux/loop.h
LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A  # Linux 5.8
LOOP_GET_STATUS64 = 0x4C05
LO_FLAGS_AUTOCLEAR = 4  # the device is free again once nothing has it mounted
CONFIG = struct.Struct("=II 52x I 176x 64x")  # the file, its block size, of loop_info64 the flags
STATUS = struct.Struct("=QQ 216x")  # loop_info64: the file's device and inode
# sys/mount.h
MS_NOSUID, MS_NODEV, MS_NOATIME = 2, 4, 1024
UMOUNT_NOFOLLOW = 8


def mount_file(file: Path, folder: Path) -> None:
    """Mount a file that holds an ext4 file system; without setuid and devices. Raises OSError."""
    with _opened(file) as image, _loop_device(image) as device:
        flags = MS_NOSUID | MS_NODEV | MS_NOATIME
        if _libc().mount(device, os.fsencode(folder), b"ext4", flags, None):
            raise _error()


def unmount(folder: Path) -> None:
    """Unmount what is mounted at a folder. Raises OSError, EBUSY while something uses it."""
    if _libc().umount2(os.fsencode(folder), UMOUNT_NOFOLLOW):
        raise _error()


@contextmanager
def _loop_device(image: int) -> Iterator[bytes]:
    """Yield the name of a block device of what is in a file. It is gone at the end unless it was
    mounted, then with that."""
    device, descriptor = _attached(image) or _attach(image)
    try:
        yield os.fsencode(device)
    finally:
        os.close(descriptor)


def _attached(image: int) -> tuple[Path, int] | None:
    """Return the device that a file has already: it may be mounted in another namespace still, and
    a second one would spoil it."""
    facts = os.fstat(image)
    for found in Path("/sys/block").glob("loop*/loop"):
        device = Path("/dev", found.parent.name)
        with suppress(OSError):  # it is free by now
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                status = STATUS.unpack(
                    fcntl.ioctl(descriptor, LOOP_GET_STATUS64, bytes(STATUS.size))
                )
            except BaseException:
                os.close(descriptor)
                raise
            if status == (facts.st_dev, facts.st_ino):
                return device, descriptor
            os.close(descriptor)
    return None


def _attach(image: int) -> tuple[Path, int]:
    config = CONFIG.pack(image, 0, LO_FLAGS_AUTOCLEAR)
    with _opened(CONTROL) as control:
        while True:
            device = Path(f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}")
            descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(descriptor)
                if error.errno != errno.EBUSY:  # somebody else was quicker to take it
                    raise
            else:
                return device, descriptor


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
