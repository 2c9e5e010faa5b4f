"""What the launcher says instead of a traceback."""

import errno
import shutil
from pathlib import Path


class LauncherError(Exception):
    """Something that the person at the terminal can put right; the message says what and how."""


def refuse_full_disk(folder: Path, *, needed_mb: int, advice: str = "Make room.") -> None:
    """Raise LauncherError if the disk that holds `folder` has less than `needed_mb` MB free."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_mb = shutil.disk_usage(existing).free // 1_000_000
    if free_mb < needed_mb:
        raise LauncherError(
            f"The disk is full: {free_mb} MB are free for {folder}, and at least {needed_mb} MB"
            f" are needed. {advice}"
        )


def explain_os_error(error: OSError) -> str | None:
    """Return a sentence for an error that an operator can put right, None for any other."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk is full: {error.filename or 'a file'} could not be written. Make room."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{error.filename or 'A file'}: {error.strerror}. Run this as the user who owns it."
    return None
