"""What /proc says about other processes. A zombie counts as ended: where nobody reaps orphans, as
in many containers, a killed process answers to `kill(pid, 0)` for ever."""

import time
from pathlib import Path


def works_in(pid: int, folder: Path) -> bool:
    """Tell whether process `pid` lives and has `folder` as its working directory."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve() and lives(pid)
    except OSError:
        return False


def lives(pid: int) -> bool:
    """Tell whether process `pid` exists and has not ended."""
    try:
        # The state follows the command's name, which may itself hold parentheses and spaces.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def processes_in(folder: Path) -> list[int]:
    """Return the ids of the living processes whose working directory is `folder`."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if works_in(pid, folder)]


def wait_until_gone(folder: Path, *, timeout_seconds: float) -> bool:
    """Wait until no process works in `folder`; tell whether that came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while processes_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
