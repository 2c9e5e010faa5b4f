"""Processes that end when the launcher does, however it ends, and the signals that end it."""

import ctypes
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from agenhood.launcher.paths import CHECKOUT

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_TIMEOUT_SECONDS = 10
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Stopped(BaseException):
    """The user asked for the end (Ctrl-C, SIGTERM, a closed terminal): clean up and leave."""


def stop_on_signals() -> None:
    """Make the first stop signal raise Stopped, and let none disturb the cleaning up after it."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for number in STOP_SIGNALS:
        signal.signal(number, stop)


@contextmanager
def child(
    command: list[str | Path], environment: Mapping[str, str], *, foreground: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in the checkout for a block; at its end the process is ended too.

    A child in the foreground keeps the terminal: Ctrl-C reaches it. Any other has its own session,
    so that Ctrl-C reaches the launcher alone, which ends things in order.
    """
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=environment,
        start_new_session=not foreground,
        preexec_fn=_end_with_parent,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the launcher is gone, even after kill -9.

    Runs between fork and exec, which is safe: the launcher has one thread.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
