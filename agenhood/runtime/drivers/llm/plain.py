"""Text from a model or a tool, made fit to be stored and to be sent on.

PostgreSQL has no NUL, and UTF-8 no halves of surrogate pairs; both come out of JSON.
"""

from collections.abc import Callable
from typing import Any


def plain(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def plain_data(value: Any) -> Any:
    """Return what came out of JSON with each of its texts made plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(str(key)): plain_data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(inner) for inner in value]
    return value


def _cut(text: str, at: int) -> tuple[str, str]:
    return text[:at], text[at:]


def shortened(text: str, most: int, cut: Callable[[str, int], tuple[str, str]] = _cut) -> str:
    """Return the text, or its beginning and end with a word on how much is left out between.

    `cut` is a recorder's where the text has not been scrubbed yet.
    """
    if len(text) <= most:
        return text
    head, tail = cut(text, most * 2 // 3)[0], cut(text, len(text) - most // 3)[1]
    left_out = len(text) - len(head) - len(tail)
    return f"{head}\n[… {left_out:,} characters left out …]\n{tail}"
