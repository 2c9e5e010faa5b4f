"""The worker process: it runs background jobs, and another one takes its place when it dies."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agenhood.launcher.children import child

LOOK_EVERY_SECONDS = 0.5
# Between a death and the next start, doubled each time up to the last, so that a worker that cannot
# start at all does not fill the log. One that has lived longer than the last begins anew.
SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0


class Worker:
    """A worker that is looked after: `look` starts another one when it has ended."""

    def __init__(self, environment: Mapping[str, str], children: ExitStack) -> None:
        self.environment, self.children = environment, children
        self.wait_seconds = SHORTEST_WAIT_SECONDS
        self.ended_at: float | None = None
        self._start()

    def look(self) -> None:
        """Notice that the worker has ended, and start the next one when its time has come."""
        now = time.monotonic()
        if self.ended_at is None:
            if self.process.poll() is None:
                return
            self.ended_at = now
            if now - self.started_at > LONGEST_WAIT_SECONDS:
                self.wait_seconds = SHORTEST_WAIT_SECONDS
            print(
                f"The worker ended (exit code {self.process.returncode}); another one starts in"
                f" {self.wait_seconds:.0f} s. Jobs wait for it.",
                file=sys.stderr,
                flush=True,
            )
        if now - self.ended_at >= self.wait_seconds:
            self.wait_seconds = min(self.wait_seconds * 2, LONGEST_WAIT_SECONDS)
            self._start()

    def _start(self) -> None:
        self.children.close()  # the one before, which has ended
        command: list[str | Path] = [sys.executable, "manage.py", "worker"]
        self.process = self.children.enter_context(child(command, self.environment))
        self.started_at, self.ended_at = time.monotonic(), None


@contextmanager
def worker(environment: Mapping[str, str]) -> Iterator[Worker]:
    """Have jobs run for a block."""
    with ExitStack() as children:
        yield Worker(environment, children)


def wait_for(process: subprocess.Popen[bytes], meanwhile: Callable[[], None]) -> None:
    """Wait until a process ends, and do something every now and then until it has."""
    while True:
        try:
            process.wait(timeout=LOOK_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            meanwhile()
        else:
            return
