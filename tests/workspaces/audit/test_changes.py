"""Secrets stay out of a change by the field's name, and nothing else is lost."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from workspaces.audit.changes import HIDDEN, LONGEST, recorded
from workspaces.roles import Role


@pytest.mark.parametrize(
    "field", ["secret", "password", "new_password", "API_KEY", "apiKey", "token", "value", "sealed"]
)
def test_a_secret_is_set_and_never_to_what(field):
    assert recorded({field: ("hunter2", "hunter3")}) == {field: [HIDDEN, HIDDEN]}
    assert recorded({field: (None, "set")}) == {field: [None, "set"]}
    assert recorded({"environment": ({field: "hunter2"}, {})})["environment"][0] == {field: HIDDEN}


@pytest.mark.parametrize("value", [b"hunter2", memoryview(b"hunter2"), object()])
def test_what_has_no_words_is_not_recorded(value):
    assert recorded({"name": (value, [value])}) == {"name": [HIDDEN, [HIDDEN]]}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (1.5, 1.5),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (2**60, str(2**60)),
        ("Kestrel", "Kestrel"),
        (Role.ADMIN, "admin"),
        (Decimal("1.10"), "1.10"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (("a", {"b", "a"}), ["a", ["a", "b"]]),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_plain_values_are_kept(value, kept):
    assert len("x" * 500) == LONGEST
    assert recorded({"limit": (value, value)}) == {"limit": [kept, kept]}


@pytest.mark.parametrize("field", ["max_tokens", "tokens", "key_count", "values", "secretary"])
def test_like_sounding_numbers_are_kept(field):
    kept = recorded({field: (1, 2)})[field]
    assert kept == ([HIDDEN, HIDDEN] if field == "secretary" else [1, 2])
