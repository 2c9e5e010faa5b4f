"""SQL of a test's own, on the console's connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction


def run(sql: str, params: Any = None) -> int:
    """Return how many rows the statement touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def rows(sql: str, params: Any = None) -> list[Any]:
    """Return the statement's rows; plain values where they have one column."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] if len(row) == 1 else row for row in cursor.fetchall()]


@contextmanager
def refused(
    error: type[Exception] | tuple[type[Exception], ...], match: str | None = None
) -> Iterator[Any]:
    """Expect an error, and go on in the same transaction."""
    with pytest.raises(error, match=match) as caught, transaction.atomic():
        yield caught
