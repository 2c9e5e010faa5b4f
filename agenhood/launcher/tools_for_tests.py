"""What some tests need from the distribution: Chromium, PgBouncer and bubblewrap.

    python -m agenhood.launcher.tools_for_tests [--install]

Installs what is missing if that is asked for and can be done here, and says loudly which tests
will not run for the lack of something. With `CI` set that is a failure.
"""

import os
import shutil
import socket
import sys

from agenhood.launcher import apt
from agenhood.launcher.errors import LauncherError

# Debian's package: the names that its program goes by, and what is not tested without it.
TOOLS = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "the browser tests"),
    "pgbouncer": (("pgbouncer",), "the isolation tests through PgBouncer"),
    "bubblewrap": (("bwrap",), "agents' sandboxes"),
}
ENGINE = os.environ.get("AGENHOOD_DOCKER_SOCKET", "/var/run/docker.sock")
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


def engine_answers() -> bool:
    """Tell whether there is a Docker Engine. None is installed for tests: it is a service."""
    with socket.socket(socket.AF_UNIX) as engine:
        return engine.connect_ex(ENGINE) == 0


def missing() -> list[str]:
    """Return the packages whose programs are not here."""
    return [
        package
        for package, (programs, _) in TOOLS.items()
        if not any(shutil.which(program, path=PATH) for program in programs)
    ]


def main(arguments: list[str]) -> int:
    if "--install" in arguments and apt.available():
        for package in missing():
            try:
                apt.install(package)
            except LauncherError as error:
                print(f"agenhood: {error}", file=sys.stderr)
    absent = missing()
    if not engine_answers():
        print(f"\n  NOT TESTED: sandboxes in Docker Engine; none at {ENGINE}.\n", file=sys.stderr)
    if not absent:
        return 0
    untested = " and ".join(TOOLS[package][1] for package in absent)
    print(
        f"\n{'!' * 78}\n"
        f"  NOT TESTED: {untested}.\n"
        f"  Missing on this machine: {', '.join(absent)}. Install as root and run this again:\n"
        f"      apt-get install {' '.join(absent)}\n"
        f"{'!' * 78}\n",
        file=sys.stderr,
    )
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
