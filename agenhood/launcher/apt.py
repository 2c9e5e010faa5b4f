"""Packages of the distribution, installed where that needs nobody's permission: root on Debian."""

import os
import shutil

from agenhood.launcher.commands import last_lines, run
from agenhood.launcher.errors import LauncherError

APT_GET = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120")


def available() -> bool:
    """Tell whether `install` can work here: apt-get exists and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install packages without what they recommend. Raises LauncherError with apt-get's words."""
    print(f"Installing {', '.join(packages)} with apt-get", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run([*APT_GET, "update"], environment=environment)  # if it fails, the old lists may still do
    command = [*APT_GET, "install", "--no-install-recommends", *packages]
    installed, output = run(command, environment=environment)
    if not installed:
        raise LauncherError(
            f"apt-get could not install {' '.join(packages)}:\n{last_lines(output)}"
        )
