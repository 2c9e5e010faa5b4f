"""What differs between two texts, line by line and word by word, as plain data for a template.

Nothing here is markup: templates escape the pieces. Characters that hide or deceive are shown by
name. Comparing costs at worst the product of both lengths, so there are caps, and `Difference` says
when one was reached.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest

from agenhood.fleet.hostile import revealed

CONTEXT = 3  # unchanged lines around a change
MOST_LINES = 1_000  # of each text, between what both begin and end with, that are compared
MOST_SHOWN = 2_000  # lines on a page
LONGEST_LINE = 2_000  # characters of a line that is compared word by word
MOST_PAIRS = 3_000_000  # of words on a page: half a second at worst
ALIKE = 0.4  # of 1: below it, two lines are so different that marking words would only confuse

Pieces = list[tuple[str, bool]]  # of a line: text, and whether it is what differs


@dataclass(frozen=True, slots=True)
class Row:
    """A line of both texts side by side. `kind` is "same", "changed", "removed", "added", or
    "skipped", for `count` lines that are the same and left out. Numbers count from 1."""

    kind: str
    before_number: int = 0
    before: Pieces = field(default_factory=list)
    after_number: int = 0
    after: Pieces = field(default_factory=list)
    count: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the unified form: `sign` is "+", "-", " ", or "" for `count` lines left out."""

    sign: str
    before_number: int
    after_number: int
    pieces: Pieces
    count: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    rows: list[Row]
    added: int
    removed: int
    is_whole: bool  # too much to compare: all of one text against all of the other
    not_shown: int  # rows beyond what a page shows

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed)

    @property
    def unified(self) -> list[Line]:
        """The same rows one below the other, in each block first what went."""
        lines: list[Line] = []
        came: list[Line] = []
        for row in self.rows:
            if row.kind in ("same", "skipped"):
                lines += came
                came = []
                sign = "" if row.kind == "skipped" else " "
                lines.append(Line(sign, row.before_number, row.after_number, row.after, row.count))
                continue
            if row.before_number:
                lines.append(Line("-", row.before_number, 0, row.before))
            if row.after_number:
                came.append(Line("+", 0, row.after_number, row.after))
        return lines + came


def difference(before: str, after: str) -> Difference:
    """Compare two texts. A text's last line needs no line feed at its end."""
    old, new = before.split("\n"), after.split("\n")
    blocks, is_whole = _blocks(old, new)
    words = _Words()
    rows: list[Row] = []
    added = removed = 0
    last = len(blocks) - 1
    for number, (same, i1, i2, j1, j2) in enumerate(blocks):
        if same:
            rows += _unchanged(new, i1, i2, j1, first=number == 0, last=number == last)
        else:
            removed, added = removed + i2 - i1, added + j2 - j1
            rows += _changed(old[i1:i2], new[j1:j2], i1, j1, words)
    return Difference(rows[:MOST_SHOWN], added, removed, is_whole, max(0, len(rows) - MOST_SHOWN))


def _blocks(old: list[str], new: list[str]) -> tuple[list[tuple[bool, int, int, int, int]], bool]:
    """Return (is it the same, from and to in old, from and to in new), and whether what lies
    between the common beginning and end is too long to be compared."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    is_whole = max(len(middle_old), len(middle_new)) > MOST_LINES
    found = []
    if start:
        found.append((True, 0, start, 0, start))
    if is_whole:
        found.append((False, start, len(old) - end, start, len(new) - end))
    else:
        matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=True)
        found += [
            (tag == "equal", start + i1, start + i2, start + j1, start + j2)
            for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        ]
    if end:
        found.append((True, len(old) - end, len(old), len(new) - end, len(new)))
    return found, is_whole


def _unchanged(
    lines: list[str], i1: int, i2: int, j1: int, *, first: bool, last: bool
) -> Iterator[Row]:
    """Yield the lines next to a change, and one row for all others."""
    total = i2 - i1
    head = 0 if first else CONTEXT
    tail = 0 if last else CONTEXT
    skipped = total - head - tail
    for offset in range(total):
        if skipped > 1 and head <= offset < total - tail:
            if offset == head:
                yield Row("skipped", count=skipped)
            continue
        pieces = [(revealed(lines[j1 + offset]), False)]
        yield Row("same", i1 + offset + 1, pieces, j1 + offset + 1, pieces)


def _changed(old: list[str], new: list[str], i1: int, j1: int, words: "_Words") -> Iterator[Row]:
    for offset, (before, after) in enumerate(zip_longest(old, new)):
        if after is None:
            yield Row("removed", i1 + offset + 1, [(revealed(before), False)])
        elif before is None:
            yield Row("added", 0, [], j1 + offset + 1, [(revealed(after), False)])
        else:
            pieces = words.compare(before, after)
            yield Row("changed", i1 + offset + 1, pieces[0], j1 + offset + 1, pieces[1])


class _Words:
    """Compares the words of two lines, as long as there are not too many on one page."""

    def __init__(self) -> None:
        self.left = MOST_PAIRS

    def compare(self, before: str, after: str) -> tuple[Pieces, Pieces]:
        old, new = re.findall(r"\w+|\s+|[^\w\s]", before), re.findall(r"\w+|\s+|[^\w\s]", after)
        self.left -= len(old) * len(new)
        if self.left < 0 or max(len(before), len(after)) > LONGEST_LINE:
            return [(revealed(before), False)], [(revealed(after), False)]
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        if matcher.real_quick_ratio() < ALIKE or matcher.ratio() < ALIKE:
            return [(revealed(before), False)], [(revealed(after), False)]
        left: Pieces = []
        right: Pieces = []
        for tag, a1, a2, b1, b2 in matcher.get_opcodes():
            if a2 > a1:
                left.append((revealed("".join(old[a1:a2])), tag != "equal"))
            if b2 > b1:
                right.append((revealed("".join(new[b1:b2])), tag != "equal"))
        return left, right
