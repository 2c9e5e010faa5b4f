"""Ids that begin with the time: UUIDv7 (RFC 9562, 5.7)."""

from datetime import datetime
from uuid import UUID


def first_id_at(moment: datetime) -> UUID:
    """Return the lowest id that a row made at `moment` (aware, to the millisecond) could have.

    Rows since then have this id or a higher one: a range of every index that ends in `id`.
    """
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62)
