"""Lists, newest first, a page at a time: a cursor says after which row the next page begins."""

from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from ninja import Field, Schema

from agenhood.api.problems import Invalid

Item = TypeVar("Item")


class Listed(Schema, Generic[Item]):
    """`next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


class Cursor(Schema):
    """What each list takes in its query string."""

    limit: int = Field(25, ge=1, le=100)
    cursor: str = Field("", max_length=64, description="next_cursor of the page before")


def newest_first(rows: QuerySet[Any], cursor: Cursor, key: str = "id") -> dict[str, Any]:
    """Return a page of `rows` by `key`, descending, which must be unique in the workspace."""
    if cursor.cursor:
        start = position(cursor.cursor) if key == "id" else number(cursor.cursor)
        rows = rows.filter(**{f"{key}__lt": start})
    found = list(rows.order_by(f"-{key}")[: cursor.limit + 1])
    more, found = len(found) > cursor.limit, found[: cursor.limit]
    return {"items": found, "next_cursor": str(getattr(found[-1], key)) if more else None}


def position(cursor: str) -> UUID:
    try:
        return UUID(cursor)
    except ValueError:
        raise _no_cursor() from None


def number(cursor: str) -> int:
    if cursor.isascii() and cursor.isdigit() and len(cursor) < 19:
        return int(cursor)
    raise _no_cursor()


def _no_cursor() -> Invalid:
    return Invalid({"cursor": ["This is no cursor of this list."]})
