"""What can be exported. Each app's `exports` module registers its own; this one knows none."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

BATCH = 500

Rows = Callable[[QueryDict], Iterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`rows` makes a dict per row of what a query string selects; `page` is the name of the address
    where one is started, if people have one."""

    key: str
    label: str
    permission: StrEnum
    rows: Rows
    page: str


_kinds: dict[str, Kind] = {}


def register(key: str, *, permission: StrEnum, rows: Rows, label: str = "", page: str = "") -> None:
    """Offer a kind of export to members who hold `permission`. Raises ValueError the second time.

    `label` is what people read, the key with a capital letter by default; `page` names the address
    of a workspace's page where one is started.
    """
    if key in _kinds:
        raise ValueError(f"{key} is registered twice")
    _kinds[key] = Kind(key, label or key.capitalize(), permission, rows, page)


def kind_of(key: str) -> Kind | None:
    """Return the kind, or None for one that no release since has."""
    return _kinds.get(key)


def kinds() -> list[Kind]:
    return list(_kinds.values())


def in_batches(rows: QuerySet[Any], size: int = BATCH) -> Iterator[Any]:
    """Yield `rows`, newest first, read `size` at a time after the last id: flat in memory, and no
    cursor stays open between two of them."""
    last = None
    while True:
        rest = rows if last is None else rows.filter(pk__lt=last)
        batch = list(rest.order_by("-pk")[:size])
        yield from batch
        if len(batch) < size:
            return
        last = batch[-1].pk
