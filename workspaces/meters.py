"""How far something is from its limit, in words and as a part of it."""

from dataclasses import dataclass

CLOSE = 80  # percent, from which a meter warns


@dataclass(frozen=True, slots=True)
class Meter:
    """`value` of `limit`, in words and as a number of percent. `url` leads to what is counted."""

    label: str
    words: str
    percent: int
    url: str = ""

    @property
    def is_close(self) -> bool:
        return self.percent >= CLOSE


def meter(label: str, value: int, limit: int, words: str, url: str = "") -> Meter:
    return Meter(label, words, max(0, min(100, value * 100 // limit)), url)
