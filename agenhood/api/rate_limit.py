"""How often a token may ask: a bucket of requests that refills with time.

Counted in each web process, so that a limit costs no statement; with several processes a token has
that many times as much. Buckets are found by a token's id, which nobody else can name.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

REMEMBERED = 10_000  # tokens; the one that has asked least recently is forgotten, its bucket full


@dataclass
class _Bucket:
    left: float
    at: float


class RateLimit:
    """`burst` requests at once, refilled at `per_second`."""

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_second, self.burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[UUID, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, token_id: UUID) -> int:
        """Count one request; return 0, or in how many seconds to ask again."""
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(token_id, _Bucket(self.burst, now))
            self._buckets.move_to_end(token_id)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
            bucket.left = min(self.burst, bucket.left + (now - bucket.at) * self.per_second)
            bucket.at = now
            if bucket.left < 1:
                return math.ceil((1 - bucket.left) / self.per_second)
            bucket.left -= 1
            return 0
