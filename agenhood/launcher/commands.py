"""Other programs, run for their outcome and their words."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agenhood.launcher.server_user import ServerUser


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    user: ServerUser | None = None,
) -> tuple[bool, str]:
    """Run a command; return whether it succeeded, and its output, errors included.

    `user` is who runs it, in the root folder. Raises OSError if it cannot be started.
    """
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        cwd="/" if user else None,
        **(user.identity if user else {}),
    )
    return done.returncode == 0, done.stdout


def last_lines(output: str, count: int = 6) -> str:
    """Return the last lines of an output that say something, indented."""
    lines = [line for line in output.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-count:])
