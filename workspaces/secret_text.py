"""Secrets that name their workspace: 32 random bytes, `_`, and the workspace's id.

Both parts are written in base 62, which a double click selects as one word. The id is in the text
so that the secret can be looked up inside that workspace, under row security, by somebody of whom
nothing else is known yet.
"""

import re
import secrets
from hashlib import sha256
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_BYTES, SECRET_LETTERS = 32, 43
ID_BYTES, ID_LETTERS = 16, 22
TEXT = re.compile(rf"[0-9A-Za-z]{{{SECRET_LETTERS}}}_([0-9A-Za-z]{{{ID_LETTERS}}})", re.ASCII)


class NotASecret(ValueError):
    """The text cannot be such a secret: nobody was ever given it."""


@sensitive_variables()
def new_secret(workspace_id: UUID) -> str:
    secret = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), SECRET_LETTERS)
    return f"{secret}_{_base62(workspace_id.int, ID_LETTERS)}"


@sensitive_variables()
def digest_of(text: str) -> bytes:
    """Return what is stored. Nobody can guess 256 random bits, so that one plain hash is enough."""
    return sha256(text.encode(errors="surrogatepass")).digest()


@sensitive_variables()
def workspace_of(text: str) -> UUID:
    """Return the id of the workspace that a secret names. Raises NotASecret."""
    match = TEXT.fullmatch(text)
    number = 0
    for letter in match[1] if match else "":
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    if match is None or number >= 1 << (8 * ID_BYTES):
        raise NotASecret("This is no secret of a workspace.")
    return UUID(int=number)


def _base62(number: int, letters: int) -> str:
    digits = []
    for _ in range(letters):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
