"""What agents' sandboxes need from the distribution: bubblewrap."""

import os
import shutil
import sys

from agenhood.launcher import apt
from agenhood.launcher.errors import LauncherError

PROGRAM, PACKAGE = "bwrap", "bubblewrap"
ADVICE = f"""
  Agents cannot run their programs on this machine yet: {PACKAGE} is missing. All else works.
  Install it as root and start this again:

      apt-get install {PACKAGE}      (Debian, Ubuntu)
      dnf install {PACKAGE}          (Fedora)

  docs/sandbox.md says more.
"""


def install_sandbox() -> None:
    """Install bubblewrap if it is missing and that can be done here, else say what is missing.

    Without it the console serves all that was done before; no program of an agent is run.
    """
    if os.environ.get("AGENHOOD_SANDBOX", "bubblewrap") != "bubblewrap" or shutil.which(PROGRAM):
        return
    if apt.available():
        try:
            apt.install(PACKAGE)
        except LauncherError as error:
            print(f"agenhood: {error}", file=sys.stderr)
        else:
            return
    print(ADVICE, file=sys.stderr, flush=True)
