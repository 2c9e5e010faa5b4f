"""The instance's master keys: the lowest layer of encryption, which seals keys and seeds.

`AGENHOOD_MASTER_KEY` is a list of base64 keys of 32 bytes, separated by commas. The first one
writes, all of them read, so that a new key can be put in front while the console runs.

A sealed value is `version (1 byte) | key id (8) | nonce (12) | AES-256-GCM ciphertext with tag`.
The key id says which key opens it and tells nothing of the key. The context is associated data: a
value sealed for one context does not open in another.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

KEY_BYTES = 32
VERSION = b"\x01"
_ID_BYTES = 8
_NONCE_BYTES = 12
_HEADER_BYTES = len(VERSION) + _ID_BYTES + _NONCE_BYTES

ADVICE = "Give it a base64 key of 32 random bytes, as `openssl rand -base64 32` prints."


class CannotOpen(Exception):
    """A sealed value does not open: another key, another context, or changed bytes."""


class UnknownKey(CannotOpen):
    """It was sealed by a master key that is not in the ring."""


@dataclass(frozen=True, slots=True)
class _Key:
    id: bytes
    cipher: AESGCM


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    keys: tuple[_Key, ...]

    @classmethod
    @sensitive_variables()
    def parse(cls, text: str) -> Self:
        """Read the setting's value. Raises ImproperlyConfigured, which quotes none of it."""
        parts = [part.strip() for part in text.split(",")]
        if parts == [""]:
            raise ImproperlyConfigured(f"AGENHOOD_MASTER_KEY is missing. {ADVICE}")
        keys = tuple(_key(part, position) for position, part in enumerate(parts, start=1))
        if len({key.id for key in keys}) < len(keys):
            raise ImproperlyConfigured("AGENHOOD_MASTER_KEY names the same key twice.")
        return cls(keys)

    @sensitive_variables()
    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        key = self.keys[0]
        header = VERSION + key.id
        nonce = os.urandom(_NONCE_BYTES)
        return header + nonce + key.cipher.encrypt(nonce, plaintext, header + context)

    def open_sealed(self, sealed: bytes, context: bytes) -> bytes:
        """Raises UnknownKey, or CannotOpen."""
        key = self._key_of(sealed)
        nonce = sealed[_HEADER_BYTES - _NONCE_BYTES : _HEADER_BYTES]
        try:
            return key.cipher.decrypt(nonce, sealed[_HEADER_BYTES:], VERSION + key.id + context)
        except InvalidTag:
            raise CannotOpen("This was sealed for something else, or changed since.") from None

    def reseal(self, sealed: bytes, context: bytes) -> bytes:
        """Return the value sealed by the first key: as it is, if that sealed it."""
        sealed = bytes(sealed)
        if self._key_of(sealed).id == self.keys[0].id:
            return sealed
        return self.seal(self.open_sealed(sealed, context), context)

    def _key_of(self, sealed: bytes) -> _Key:
        if len(sealed) < _HEADER_BYTES or not sealed.startswith(VERSION):
            raise CannotOpen("These bytes were not sealed by a master key.")
        wanted = sealed[len(VERSION) : len(VERSION) + _ID_BYTES]
        for key in self.keys:
            if key.id == wanted:
                return key
        raise UnknownKey("AGENHOOD_MASTER_KEY lacks the key that sealed this.")


@sensitive_variables()
def _key(part: str, position: int) -> _Key:
    try:
        key = base64.b64decode(part, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES or len(set(key)) < 8:
        raise ImproperlyConfigured(f"AGENHOOD_MASTER_KEY, key {position}, is malformed. {ADVICE}")
    digest = hashlib.sha256(b"agenhood master key id\0" + key).digest()
    return _Key(digest[:_ID_BYTES], AESGCM(key))


def key_ring() -> KeyRing:
    """Return the ring of the settings. Raises ImproperlyConfigured."""
    return KeyRing.parse(settings.AGENHOOD_MASTER_KEY)


@sensitive_variables()
def seal(plaintext: bytes, context: bytes) -> bytes:
    """Seal a value with the first master key, for a context that names its place for good."""
    return key_ring().seal(plaintext, context)


def open_sealed(sealed: bytes, context: bytes) -> bytes:
    """Return what was sealed for this context. Raises UnknownKey, or CannotOpen."""
    return key_ring().open_sealed(bytes(sealed), context)


def reseal(sealed: bytes, context: bytes) -> bytes:
    """Return the value sealed by the first key of the ring. Raises UnknownKey, or CannotOpen."""
    return key_ring().reseal(sealed, context)


# What each table that holds values sealed by the ring does when the first key is a new one.
_resealers: dict[str, Callable[[], int]] = {}


def on_rotation(name: str, reseal_all: Callable[[], int]) -> None:
    """Have `manage.py rotate_master_key` call `reseal_all`, which passes every value through
    `reseal` and returns how many were written. It is called in no scope, and again until it writes
    none; `name` is shown to the operator. Call this from `AppConfig.ready()`."""
    _resealers[name] = reseal_all


def resealers() -> dict[str, Callable[[], int]]:
    return dict(_resealers)
