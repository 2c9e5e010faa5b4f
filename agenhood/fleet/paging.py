"""Keyset paging: a page starts after a row, not at a number, so that deep pages cost no more."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Lower
from django.http import QueryDict

PAGE_SIZE = 25


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
    found = list(ordered[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_previous, has_next = (more, bool(start)) if backwards else (bool(start), more)
    return Page(
        found,
        _link(query, before=found[0].name) if found and has_previous else "",
        _link(query, after=found[-1].name) if found and has_next else "",
    )


def _link(query: QueryDict, **position: str) -> str:
    link = query.copy()
    for name in ("after", "before"):
        link.pop(name, None)
    link.update(position)
    return "?" + link.urlencode()


def _without_nul(text: str) -> str:
    return text.replace("\0", "")  # PostgreSQL's text has no such character
