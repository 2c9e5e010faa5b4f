"""The command line of a sandbox, run by hand: the same flags, without the engine around it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agenhood.runtime.sandbox.bubblewrap import ADDRESS_SPACE_MB, PATH
from agenhood.runtime.sandbox.command import Plan, command

UID = 1_800_000_001  # nobody else's


def bare_plan(directory: Path) -> Plan:
    """Return what is run in a plain directory, which is made if it is not there."""
    bwrap = shutil.which("bwrap", path=PATH)
    if bwrap is None:
        raise RuntimeError("there is no bubblewrap (apt-get install bubblewrap)")
    directory.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(directory, UID, UID)
    return Plan(
        directory=directory,
        uid=UID,
        max_processes=64,
        file_mb=512,
        address_space_mb=ADDRESS_SPACE_MB,
        counts_memory=False,
        entrances=[],
        environment={},
        proxy=None,
        bwrap=bwrap,
    )


def run_bare(plan: Plan, program: Sequence[str], stdin: bytes = b"") -> None:
    """Run a program to its end. Raises CalledProcessError."""
    with Path(os.devnull).open("wb") as status:
        made = command(plan, program, b"", status.fileno())
        try:
            subprocess.run(
                made.line,
                input=stdin,
                capture_output=True,
                pass_fds=[*made.descriptors, status.fileno()],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                cwd="/",
                check=True,
            )
        finally:
            made.close()
