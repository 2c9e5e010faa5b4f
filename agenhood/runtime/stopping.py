"""Why a run is to end before its own end, and when to wait for it no longer."""

import threading
import time
from collections.abc import Callable

from agenhood.runtime.run import StopReason

# Seconds that a program has to end by itself once it was asked to.
GRACE = {
    StopReason.CANCELLED: 15.0,
    StopReason.TIMED_OUT: 15.0,
    StopReason.REFUSED: 0.0,
    StopReason.WORKER_ENDS: 2.0,  # of the five that the worker itself has
    StopReason.LOST: 0.0,
}


class Stopping:
    """The `Stop` of a run. The recorder says what the database knows; time and the worker's end are
    noticed without it. `words` say more about the reason, for people."""

    def __init__(self, *, wall_seconds: float, worker_ends: Callable[[], bool]) -> None:
        self.wall_seconds = wall_seconds
        self.words = ""
        self._worker_ends = worker_ends
        self._deadline = time.monotonic() + wall_seconds
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._reason: StopReason | None = None
        self._forced_from = float("inf")

    @property
    def reason(self) -> StopReason | None:
        if self._reason is None:
            if self._worker_ends():
                self.because(StopReason.WORKER_ENDS)
            elif time.monotonic() >= self._deadline:
                self.because(
                    StopReason.TIMED_OUT, f"It took longer than {self.wall_seconds:,.0f} seconds."
                )
        return self._reason

    @property
    def is_forced(self) -> bool:
        return self.reason is not None and time.monotonic() >= self._forced_from

    def wait(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.reason is None and (left := end - time.monotonic()) > 0:
            self._stopped.wait(min(left, 0.2))
        return self.reason is not None

    def because(self, reason: StopReason, words: str = "", *, by_force: bool = False) -> None:
        """Give the reason, if there is none yet; `by_force` leaves no time, whatever it is."""
        with self._lock:
            now = time.monotonic()
            if self._reason is None:
                self._reason, self.words = reason, words
                self._forced_from = now + GRACE[reason]
            if by_force or reason == StopReason.LOST:
                self._forced_from = min(self._forced_from, now)
        self._stopped.set()
