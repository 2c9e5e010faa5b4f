"""Sealing and opening with the active workspace's data key.

A sealed value is `version (1 byte) | nonce (12) | AES-256-GCM ciphertext with tag`. Associated data
is the workspace's id, the row's id and the field, so that it opens nowhere else.
"""

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.views.decorators.debug import sensitive_variables

from accounts import master_key
from accounts.master_key import CannotOpen
from workspaces.scope import current_scope

if TYPE_CHECKING:
    from uuid import UUID

    from workspaces.models import WorkspaceOwned

VERSION = b"\x01"
_NONCE_BYTES = 12
_HEADER_BYTES = len(VERSION) + _NONCE_BYTES

# Four characters of a shorter secret would be a good part of it.
SHORTEST_WITH_LAST_FOUR = 16


class KeyDestroyed(CannotOpen):
    """The workspace's key is destroyed: what it sealed is gone for good."""


@sensitive_variables()
def seal(row: "WorkspaceOwned", field: str, plaintext: bytes) -> bytes:
    """Return `plaintext` sealed for this field of this row, which need not be saved yet.

    Makes the workspace's key if it has none. Raises KeyDestroyed.
    """
    row.adopt()
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(_derived(_data_key(), b"seal"))
    return VERSION + nonce + cipher.encrypt(nonce, plaintext, _place(row, field))


@sensitive_variables()
def open_sealed(row: "WorkspaceOwned", field: str, sealed: bytes) -> bytes:
    """Return what was sealed for this field of this row. Raises KeyDestroyed, or CannotOpen."""
    row.adopt()
    sealed = bytes(sealed)
    if len(sealed) < _HEADER_BYTES or not sealed.startswith(VERSION):
        raise CannotOpen("These bytes were not sealed by a workspace's key.")
    cipher = AESGCM(_derived(_data_key(), b"seal"))
    nonce = sealed[len(VERSION) : _HEADER_BYTES]
    try:
        return cipher.decrypt(nonce, sealed[_HEADER_BYTES:], _place(row, field))
    except InvalidTag:
        raise CannotOpen("This was sealed for another place, or changed since.") from None


@sensitive_variables()
def fingerprint(plaintext: bytes) -> str:
    """Return 64 hexadecimal digits that tell the same secret again, in this workspace only."""
    return hmac.new(_derived(_data_key(), b"fingerprint"), plaintext, hashlib.sha256).hexdigest()


@sensitive_variables()
def last_four(plaintext: bytes) -> str:
    """Return what a page may show: four characters of a long line of text, else nothing."""
    text = plaintext.decode(errors="replace")
    shown = text[-4:]
    return shown if len(text) >= SHORTEST_WITH_LAST_FOUR and text.isprintable() else ""


def wrapping_context(workspace_id: "UUID") -> bytes:
    """Return what a workspace's data key is sealed for."""
    return b"workspace key\0" + workspace_id.bytes


def _place(row: "WorkspaceOwned", field: str) -> bytes:
    return b"secret\0" + row.workspace_id.bytes + row.pk.bytes + field.encode()


@sensitive_variables()
def _derived(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"agenhood " + purpose).derive(data_key)


@sensitive_variables()
def _data_key() -> bytes:
    """Return the active workspace's data key, made now if it has none."""
    from workspaces.secrets.models import WorkspaceKey

    workspace_id = current_scope().workspace_id
    stored = WorkspaceKey.objects.values_list("wrapped", flat=True)
    wrapped = list(stored)
    if not wrapped:
        key = os.urandom(master_key.KEY_BYTES)
        new = master_key.seal(key, wrapping_context(workspace_id))
        # Two at once make one: the second waits for the first here, and then reads its key.
        WorkspaceKey.objects.bulk_create([WorkspaceKey(wrapped=new)], ignore_conflicts=True)
        wrapped = list(stored.all())
    if wrapped[0] is None:
        raise KeyDestroyed("This workspace's key was destroyed, and its secrets with it.")
    return master_key.open_sealed(wrapped[0], wrapping_context(workspace_id))
