"""What of a change the trail keeps: values that are plain, short and no secrets."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Model

LONGEST = 500  # characters of a value
HIDDEN = "(not recorded)"
# A field so named says that it was set, in one of these words, and never to what.
SECRET = re.compile(r"secret|password|passphrase|sealed|api_?key|private_?key|token$|^value$", re.I)
WORDS_FOR_SECRETS = {"", "set", "not set", "replaced", "removed", "unchanged"}


def recorded(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    """Return {field: [before, after]} as JSON may hold it, secrets left out."""
    return {
        text(field, 100): [_value(field, before), _value(field, after)]
        for field, (before, after) in changes.items()
    }


def text(value: object, longest: int) -> str:
    """Return the value as text that PostgreSQL takes, cut at `longest` characters."""
    words = str(value).replace("\0", "").encode("utf-8", "replace").decode()
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _value(field: str, value: Any) -> Any:
    if SECRET.search(field):
        known = value is None or isinstance(value, bool) or value in WORDS_FOR_SECRETS
        return value if known else HIDDEN
    return _plain(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else str(value)  # NaN and infinity too: no JSON has them
    if isinstance(value, Mapping):
        return {
            text(key, 100): HIDDEN if SECRET.search(str(key)) else _plain(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [
            _plain(inner)
            for inner in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)
        ]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | UUID | Decimal | Model):
        return text(value, LONGEST)
    return HIDDEN  # bytes, and whatever else has no words of its own
