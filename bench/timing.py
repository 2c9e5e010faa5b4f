"""Times several things in turn, so that whatever else the machine does meets all of them alike."""

import gc
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Timing:
    """Quartiles of what one thing took, in milliseconds, over `rounds` rounds."""

    lower: float
    median: float
    upper: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures by name, and the timings that they come from by what was timed."""

    figures: dict[str, float]
    timings: dict[str, Timing]

    def __or__(self, other: "Measured") -> "Measured":
        return Measured(self.figures | other.figures, self.timings | other.timings)


def summary(seconds: list[float]) -> Timing:
    lower, median, upper = (1000 * quartile for quartile in statistics.quantiles(seconds, n=4))
    return Timing(lower, median, upper, len(seconds))


def percentile(values: list[float], percent: int) -> float:
    """Return what so many percent of the values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def interleaved(
    things: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    between: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time each thing once in every round, with a different one first each time.

    A tenth as many rounds come before that nobody times. `between` runs after each round.
    """
    names = list(things)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with _quiet_memory():
        for number in range(-rounds // 10, rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                start = perf_counter()
                things[name]()
                taken = perf_counter() - start
                if number >= 0:
                    seconds[name].append(taken)
            between()
            gc.collect(0)
    return {name: summary(taken) for name, taken in seconds.items()}


@contextmanager
def _quiet_memory() -> Iterator[None]:
    """No garbage collection but between two rounds."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
