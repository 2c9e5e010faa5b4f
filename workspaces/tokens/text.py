"""A token's text: `agh_`, by which a leaked one is known for what it is, and a secret of its
workspace. The secret comes first in that, so that the prefix, which is shown, is one's own token's
and nobody else's."""

from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from workspaces import secret_text
from workspaces.secret_text import NotASecret, digest_of

__all__ = ["NotASecret", "digest_of", "new_text", "prefix_of", "workspace_of"]

BEGINNING = "agh_"
PREFIX_LETTERS = len(BEGINNING) + 8  # 35 letters of the secret, 208 bits, stay unknown


@sensitive_variables()
def new_text(workspace_id: UUID) -> str:
    """Return the text of a new token, which only its owner ever sees."""
    return BEGINNING + secret_text.new_secret(workspace_id)


def prefix_of(text: str) -> str:
    """Return the beginning of a token, by which people tell theirs apart."""
    return text[:PREFIX_LETTERS]


@sensitive_variables()
def workspace_of(text: str) -> UUID:
    """Return the id of the workspace that a token's text names. Raises NotASecret."""
    if not text.startswith(BEGINNING):
        raise NotASecret("This is not a token.")
    return secret_text.workspace_of(text.removeprefix(BEGINNING))
