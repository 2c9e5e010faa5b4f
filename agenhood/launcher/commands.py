"""Other programs, run for their outcome and their words."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agenhood.launcher.server_user import ServerUser

STOP_TIMEOUT_SECONDS = 10


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    user: ServerUser | None = None,
) -> tuple[bool, str]:
    """Run a command; return whether it succeeded, and its output, errors included.

    `user` is who runs it, in the root folder. When the launcher is asked to stop meanwhile, the
    command and what it started end first. Raises OSError if it cannot be started.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        cwd="/" if user else None,
        start_new_session=True,
        **(user.identity if user else {}),
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.communicate(timeout=STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode == 0, output


def last_lines(output: str, count: int = 6) -> str:
    """Return the last lines of an output that say something, indented."""
    lines = [line for line in output.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-count:])
