"""Prepare `.venv` with exactly what a requirements file pins; done in no time when nothing changed.

Runs under the system's Python, before anything is installed: the standard library only.
"""

import fcntl
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agenhood.launcher import apt
from agenhood.launcher.children import Stopped, stop_on_signals
from agenhood.launcher.commands import last_lines, run
from agenhood.launcher.errors import LauncherError, explain_os_error, refuse_full_disk
from agenhood.launcher.paths import CHECKOUT

# A `.venv` that can run the console takes 190 MB; pip unpacks its downloads beside it.
SPACE_NEEDED_MB = 400

NETWORK_SIGNS = (
    "(from versions: none)",
    "Retrying (Retry(",
    "connection broken by",
    "Could not fetch URL",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "SSLError",
)


def main(arguments: list[str]) -> int:
    (name,) = arguments
    stop_on_signals()
    try:
        ensure_installed(name)
    except LauncherError as error:
        print(f"agenhood: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if explain_os_error(error) is None:
            raise
        print(f"agenhood: {explain_os_error(error)}", file=sys.stderr)
        return 1
    except Stopped:
        return 130
    return 0


def ensure_installed(name: str, checkout: Path = CHECKOUT) -> None:
    """Make `.venv` in the checkout hold what the requirements file `name` pins.

    A stamp in `.venv` remembers the file's hash and the Python it was installed for; while both
    are the same this only compares. Raises LauncherError.
    """
    venv = checkout / ".venv"
    stamp = venv / f".{name}.installed"
    wanted = hashlib.sha256((checkout / name).read_bytes()).hexdigest()
    with locked(checkout):
        version = python_version(venv)
        if version and stamp.is_file() and stamp.read_text() == f"{wanted} {version}\n":
            return
        if version is None or not has_pip(venv):
            refuse_full_disk(venv, needed_mb=SPACE_NEEDED_MB)
            create(venv)
        print(f"Installing what {name} pins into .venv (once; a minute or two)", flush=True)
        stamp.unlink(missing_ok=True)
        install(checkout / name, venv)
        stamp.write_text(f"{wanted} {python_version(venv)}\n")


@contextmanager
def locked(checkout: Path) -> Iterator[None]:
    """Let one process at a time change `.venv`: two consoles may start side by side."""
    descriptor = os.open(checkout, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another process that prepares .venv", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def python_version(venv: Path) -> str | None:
    """Return the version of a working `.venv`'s Python, such as "3.11"; None if it must be made.

    After an upgrade of the system, `.venv/bin/python` may be missing or be a newer Python for
    which nothing is installed.
    """
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answered, output = run([venv / "bin/python", "-I", "-S", "-c", script])
    except OSError:
        return None
    version = output.strip()
    return version if answered and (venv / f"lib/python{version}/site-packages").is_dir() else None


def has_pip(venv: Path) -> bool:
    """Tell whether pip works: it does not in a `.venv` whose making was interrupted."""
    works, _ = run([venv / "bin/python", "-m", "pip", "--version"])
    return works


def create(venv: Path) -> None:
    """Make an empty `.venv` with pip, anew if there is a broken one. Raises LauncherError."""
    if not all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not apt.available():
            raise LauncherError(
                "Python's venv module is missing. Install it and run this again; on Debian and"
                f" Ubuntu: apt-get install {package}"
            )
        apt.install(package)
    print("Creating .venv", flush=True)
    made, output = run([sys.executable, "-m", "venv", "--clear", venv])
    if not made:
        raise LauncherError(disk_full(output) or f"Cannot create .venv:\n{last_lines(output)}")


def install(requirements: Path, venv: Path) -> None:
    """Let pip install the file's packages, each checked against its hash. Raises LauncherError."""
    pip: list[str | Path] = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-input"]
    # Wheels only: nothing is compiled here, and no package's code runs while it is installed.
    options = ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    installed, output = run([*pip, *options, "-r", requirements])
    if not installed:
        raise LauncherError(explain_pip_failure(output, requirements.name))


def explain_pip_failure(output: str, name: str) -> str:
    """Return what to tell the user after pip failed to install the file `name`."""
    if sentence := disk_full(output):
        return sentence
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"A downloaded package is not the one that {name} pins, so nothing was installed:\n"
            f"{last_lines(output)}"
        )
    if any(sign in output for sign in NETWORK_SIGNS):
        return (
            f"The package index cannot be reached, or does not have what {name} pins. Check the"
            " network connection; behind a proxy set HTTPS_PROXY, and for a package index of your"
            " own set PIP_INDEX_URL. Then run this again."
        )
    return f"pip could not install what {name} pins:\n{last_lines(output)}"


def disk_full(output: str) -> str | None:
    """Return a sentence if a command's output says that it ran out of disk space."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return (
            "The disk became full while packages were installed. Make room in the checkout and in"
            " the folder for temporary files (TMPDIR), and run this again."
        )
    return None
