"""Opening a path inside a folder, and nowhere else, whatever links and moves are made meanwhile."""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from agenhood.fleet.agent_files.refusal import FileRefused

OPENAT2 = 437  # the same number on every architecture: linux/unistd.h
# linux/openat2.h
NO_MAGICLINKS, NO_SYMLINKS, BENEATH = 0x02, 0x04, 0x08
LONGEST_PATH = 4095  # bytes, as the kernel takes them

FOLDER = os.O_RDONLY | os.O_DIRECTORY
_libc = ctypes.CDLL(None, use_errno=True)

WORDS = {
    errno.ENOENT: "There is no such file.",
    errno.ENOTDIR: "There is no such folder.",
    errno.ELOOP: "This is a link, or leads through one: links are not followed.",
    errno.EXDEV: "This path leads out of the agent's directory.",
    errno.ENXIO: "This is no plain file.",
    errno.EISDIR: "This is a folder.",
    errno.EEXIST: "There is something of that name already.",
    errno.EACCES: "The agent has made this unreadable.",
    errno.EPERM: "The agent has made this unreadable.",
    errno.ENAMETOOLONG: "This name or path is too long.",
    errno.EINVAL: "This name is not allowed.",
    errno.ENOSPC: "The agent's disk is full.",
    errno.EDQUOT: "The agent's disk is full.",
    errno.ENOTEMPTY: "The agent is changing this just now; try again.",
    errno.EMFILE: "Too many files are open; try again.",
}


class _How(ctypes.Structure):
    _fields_ = [
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    ]


def open_beneath(folder: int, path: str, flags: int) -> int:
    """Open a path inside an open folder; return the descriptor.

    Raises OSError: ELOOP for any link in it, EXDEV if it leads out.
    """
    encoded = os.fsencode(path or ".")
    if b"\0" in encoded:
        raise OSError(errno.EINVAL, "a path with a NUL")
    how = _How(flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0, BENEATH | NO_SYMLINKS | NO_MAGICLINKS)
    while True:
        descriptor = _libc.syscall(
            ctypes.c_long(OPENAT2),
            ctypes.c_int(folder),
            ctypes.c_char_p(encoded),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor >= 0:
            return int(descriptor)
        number = ctypes.get_errno()
        # EAGAIN: something was renamed meanwhile, so that the kernel cannot tell; ask anew.
        if number not in {errno.EAGAIN, errno.EINTR}:
            raise OSError(number, os.strerror(number), path)


@contextmanager
def folder_beneath(folder: int, path: str) -> Iterator[int]:
    """Have a folder inside an open folder open for a block. Raises OSError."""
    descriptor = open_beneath(folder, path, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def in_words() -> Iterator[None]:
    """Raise FileRefused in place of what the system says of a file."""
    try:
        yield
    except OSError as error:
        words = WORDS.get(error.errno or 0)
        if words is None:
            raise
        raise FileRefused(words) from None
