"""Where the checkout is and where an instance keeps its data.

Imported by settings.py and before there is a `.venv`: the standard library only, no side effects.
"""

import os
import stat
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM_DATA = Path("/var/lib/agenhood")


def data_folder() -> Path:
    """Return the instance's data folder, absolute; it need not exist yet.

    `AGENHOOD_DATA` (relative to the checkout) names it, else it is `.local/` in the checkout. Root
    starts PostgreSQL as another user: in a checkout that only root can enter, that user could not
    reach `.local/`, so it is `/var/lib/agenhood` there.
    """
    chosen = os.environ.get("AGENHOOD_DATA")
    if chosen:
        return (CHECKOUT / Path(chosen).expanduser()).resolve()
    if os.geteuid() == 0 and not others_can_enter(CHECKOUT):
        return SYSTEM_DATA
    return CHECKOUT / ".local"


def others_can_enter(folder: Path) -> bool:
    """Tell whether a user who owns none of them may pass through `folder` and all its parents."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (folder, *folder.parents))
