"""Keyset paging: a page starts after a row, not at a number, so that deep pages cost no more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Lower
from django.http import QueryDict

PAGE_SIZE = 25
CAP = 10_000  # beyond it nobody needs the number, and counting on would cost more and more
LARGEST = 2**63 - 1  # of PostgreSQL's bigint


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the query strings of the pages before and after, "" where none is."""

    rows: list[Any]
    previous: str
    next: str


def page_by_name(rows: QuerySet[Any], query: QueryDict, size: int = PAGE_SIZE) -> Page:
    """Return the page of `rows` that the query string asks for by `after` or `before`, a name.

    `rows` is sorted by `name`, upper and lower case alike, which must be unique in it.
    """
    backwards = bool(query.get("before"))
    start = _without_nul(query.get("before") or query.get("after") or "")
    rows = rows.alias(key=Lower("name"))
    if start:
        key = Lower(Value(start))
        rows = rows.filter(key__lt=key) if backwards else rows.filter(key__gt=key)
    ordered = rows.order_by(F("key").desc() if backwards else F("key").asc())
    return _page(ordered, query, size, bool(start), lambda row: row.name)


def page_by_newest(rows: QuerySet[Any], query: QueryDict, size: int = PAGE_SIZE) -> Page:
    """Return the page of `rows`, newest first, that the query string asks for.

    `after` asks for rows older than the id that it holds, `before` for newer ones. Ids are UUIDv7,
    which begin with the time; a position that is none is the start.
    """
    return _page_down(rows, query, size, "pk", _id)


def page_by_number(rows: QuerySet[Any], query: QueryDict, size: int = PAGE_SIZE) -> Page:
    """Return the page of `rows`, highest `number` first, that the query string asks for.

    `number` counts from 1 and must be unique in `rows`; a position that is none is the start.
    """
    return _page_down(rows, query, size, "number", _number)


def _page_down(
    rows: QuerySet[Any], query: QueryDict, size: int, key: str, parse: Callable[[str], Any]
) -> Page:
    backwards = bool(query.get("before"))
    start = parse(query.get("before") or query.get("after") or "")
    if start is not None:
        rows = rows.filter(**{f"{key}__{'gt' if backwards else 'lt'}": start})
    ordered = rows.order_by(key if backwards else f"-{key}")
    return _page(ordered, query, size, start is not None, lambda row: str(getattr(row, key)))


def _page(
    ordered: QuerySet[Any],
    query: QueryDict,
    size: int,
    has_start: bool,
    position: Callable[[Any], str],
) -> Page:
    backwards = bool(query.get("before"))
    found = list(ordered[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_previous, has_next = (more, has_start) if backwards else (has_start, more)
    return Page(
        found,
        _link(query, before=position(found[0])) if found and has_previous else "",
        _link(query, after=position(found[-1])) if found and has_next else "",
    )


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows there are, or that there are more than `number`."""

    number: int
    is_capped: bool

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_capped else ''}"


def capped_count(rows: QuerySet[Any], cap: int = CAP) -> Count:
    """Count `rows` in one statement, which stops at the first beyond `cap`."""
    number = rows.order_by()[: cap + 1].count()
    return Count(min(number, cap), number > cap)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    return min(int(text[:20]), LARGEST) if text.isascii() and text.isdecimal() else None


def _link(query: QueryDict, **position: str) -> str:
    link = query.copy()
    for name in ("after", "before"):
        link.pop(name, None)
    link.update(position)
    return "?" + link.urlencode()


def _without_nul(text: str) -> str:
    return text.replace("\0", "")  # PostgreSQL's text has no such character
