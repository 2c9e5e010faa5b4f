"""A system user for each agent, where we are root: a number that no other agent and nobody has.

Programs in two sandboxes could then not touch each other's files even if both had broken out.
"""

import os
from pathlib import Path

from django.conf import settings

from agenhood.fleet.agent_files.locks import exclusive


def uid_of(place: Path, root: Path) -> int:
    """Return the uid of the agent whose place it is; a new one if it has none yet.

    Our own uid where we are not root: then nothing else can be given.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    known = place / "uid"
    if known.exists():
        return int(known.read_text())
    with exclusive(root / "uids.lock"):
        if known.exists():
            return int(known.read_text())
        counter = root / "uids"
        uid = int(counter.read_text()) if counter.exists() else settings.AGENHOOD_FIRST_AGENT_UID
        _write(counter, uid + 1)  # first: one that is lost is better than one given twice
        _write(known, uid)
        return uid


def _write(path: Path, number: int) -> None:
    new = path.with_suffix(".new")
    new.write_text(f"{number}\n")
    new.replace(path)
