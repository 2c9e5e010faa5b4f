"""What a query string selects, for people. It knows no kind of export: fields say their names."""

from uuid import UUID

from django.http import QueryDict

NAMES = {"q": "words", "upto": "up to", "zone": "days of"}
QUOTED = {"q"}


def in_words(query: QueryDict) -> list[str]:
    """Return a piece for each field: words “anvil”, state failed or timed out, one agent."""
    pieces = []
    for name, values in query.lists():
        told = [_value(name, value) for value in values if value]
        if not told:
            continue
        label = NAMES.get(name, name.replace("_", " "))
        one_thing = all(_is_id(value) for value in values if value)
        pieces.append(f"one {label}" if one_thing else f"{label} {' or '.join(told)}")
    return pieces


def _value(name: str, value: str) -> str:
    if name in QUOTED:
        return f"“{value}”"
    return value.replace("_", " ") if name in ("state", "outcome") else value


def _is_id(value: str) -> bool:
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False
