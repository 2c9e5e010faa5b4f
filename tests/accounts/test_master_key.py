"""The ring of master keys: what opens by which, and what a malformed one is told."""

import base64
from hashlib import sha256

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts import master_key
from accounts.master_key import CannotOpen, KeyRing, UnknownKey

# The same in each of the processes that share the tests: they stand in their names.
OLD, NEW, OTHER = (
    base64.b64encode(sha256(name).digest()).decode() for name in (b"old", b"new", b"other")
)


def test_what_the_first_key_seals_every_ring_with_it_opens():
    sealed = KeyRing.parse(NEW).seal(b"seed", b"context")

    for text in (NEW, f"{NEW},{OLD}", f"{OLD},{NEW}", f" {OLD} , {NEW} "):
        assert KeyRing.parse(text).open_sealed(sealed, b"context") == b"seed"
    assert b"seed" not in sealed


def test_the_first_key_writes():
    sealed = KeyRing.parse(f"{NEW},{OLD}").seal(b"seed", b"context")

    assert KeyRing.parse(NEW).open_sealed(sealed, b"context") == b"seed"
    with pytest.raises(UnknownKey):
        KeyRing.parse(OLD).open_sealed(sealed, b"context")


def test_a_value_opens_in_its_own_context_only():
    ring = KeyRing.parse(NEW)
    with pytest.raises(CannotOpen):
        ring.open_sealed(ring.seal(b"seed", b"one person"), b"another person")


@pytest.mark.parametrize("position", [0, 1, 8, 9, 20, 21, -1])
def test_a_changed_byte_is_noticed(position):
    ring = KeyRing.parse(NEW)
    sealed = bytearray(ring.seal(b"seed", b"context"))
    sealed[position] ^= 1

    with pytest.raises(CannotOpen):
        ring.open_sealed(bytes(sealed), b"context")


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x01" * 20, b"plain text that was never sealed"]
)
def test_bytes_that_were_never_sealed_are_told_so(sealed):
    with pytest.raises(CannotOpen):
        KeyRing.parse(NEW).open_sealed(sealed, b"context")


def test_a_value_is_sealed_anew_by_another_first_key_only():
    sealed = KeyRing.parse(OLD).seal(b"seed", b"context")
    ring = KeyRing.parse(f"{NEW},{OLD}")

    anew = ring.reseal(sealed, b"context")

    assert KeyRing.parse(NEW).open_sealed(anew, b"context") == b"seed"
    assert ring.reseal(anew, b"context") == anew
    with pytest.raises(UnknownKey):
        KeyRing.parse(OTHER).reseal(sealed, b"context")
    with pytest.raises(CannotOpen):
        ring.reseal(sealed, b"another context")


def test_sealing_twice_gives_two_ciphertexts():
    ring = KeyRing.parse(NEW)
    assert ring.seal(b"seed", b"context") != ring.seal(b"seed", b"context")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing"),
        ("  ", "missing"),
        ("hunter2", "key 1, is malformed"),
        (f"{NEW},", "key 2, is malformed"),
        (f"{NEW},{OLD[:-4]}", "key 2, is malformed"),
        (f"{NEW};{OLD}", "key 1, is malformed"),
        (base64.b64encode(bytes(range(16))).decode(), "key 1, is malformed"),
        (base64.b64encode(bytes(32)).decode(), "key 1, is malformed"),
        ("schlüssel", "key 1, is malformed"),
        (f"{NEW},{OLD},{NEW}", "twice"),
    ],
)
def test_a_malformed_ring_is_refused_without_being_quoted(text, said):
    with pytest.raises(ImproperlyConfigured, match=said) as refusal:
        KeyRing.parse(text)

    for part in text.split(","):
        assert not part.strip() or part not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_ring_does_not_show_its_keys():
    ring = KeyRing.parse(f"{NEW},{OLD}")

    for shown in (repr(ring), str(ring), repr(ring.keys)):
        assert NEW not in shown
        assert repr(base64.b64decode(NEW))[2:-1] not in shown


def test_the_settings_ring_is_read_at_each_use(settings):
    settings.AGENHOOD_MASTER_KEY = OLD
    sealed = master_key.seal(b"seed", b"context")
    settings.AGENHOOD_MASTER_KEY = f"{NEW},{OLD}"

    assert master_key.open_sealed(sealed, b"context") == b"seed"
    anew = master_key.reseal(sealed, b"context")
    settings.AGENHOOD_MASTER_KEY = NEW
    assert master_key.open_sealed(anew, b"context") == b"seed"
    with pytest.raises(UnknownKey):
        master_key.open_sealed(sealed, b"context")


def test_a_missing_key_is_told_when_it_is_needed(settings):
    settings.AGENHOOD_MASTER_KEY = ""
    with pytest.raises(ImproperlyConfigured, match="AGENHOOD_MASTER_KEY is missing"):
        master_key.seal(b"seed", b"context")
