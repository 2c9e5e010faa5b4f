"""A token's text: `agh_`, a secret of 32 random bytes, `_`, and the id of its workspace.

Both parts are written in base 62, which a double click selects as one word. The workspace's id is
in the text so that the secret can be looked up inside that workspace, under row security; the
secret comes first so that the prefix, which is shown, is one's own token's and nobody else's.
"""

import re
import secrets
from hashlib import sha256
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_BYTES, SECRET_LETTERS = 32, 43
ID_BYTES, ID_LETTERS = 16, 22
PREFIX_LETTERS = len("agh_") + 8  # 35 letters of the secret, 208 bits, stay unknown
TEXT = re.compile(rf"agh_[0-9A-Za-z]{{{SECRET_LETTERS}}}_([0-9A-Za-z]{{{ID_LETTERS}}})", re.ASCII)


class NotAToken(ValueError):
    """The text cannot be a token: nobody was ever given it."""


@sensitive_variables()
def new_text(workspace_id: UUID) -> str:
    """Return the text of a new token, which only its owner ever sees."""
    secret = _base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), SECRET_LETTERS)
    return f"agh_{secret}_{_base62(workspace_id.int, ID_LETTERS)}"


@sensitive_variables()
def digest_of(text: str) -> bytes:
    """Return what of a token is stored. Nobody can guess 256 random bits, so that one plain hash
    is enough."""
    return sha256(text.encode(errors="surrogatepass")).digest()


def prefix_of(text: str) -> str:
    """Return the beginning of a token, by which people tell theirs apart."""
    return text[:PREFIX_LETTERS]


@sensitive_variables()
def workspace_of(text: str) -> UUID:
    """Return the id of the workspace that a token's text names. Raises NotAToken."""
    match = TEXT.fullmatch(text)
    number = 0
    for letter in match[1] if match else "":
        number = number * len(ALPHABET) + ALPHABET.index(letter)
    if match is None or number >= 1 << (8 * ID_BYTES):
        raise NotAToken("This is not a token.")
    return UUID(int=number)


def _base62(number: int, letters: int) -> str:
    digits = []
    for _ in range(letters):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
