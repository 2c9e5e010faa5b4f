"""A file as a page may show it: pixels, or the beginning of a text. Nothing else is shown."""

import codecs
from dataclasses import dataclass
from typing import Any

from agenhood.fleet.artifacts.content import IMAGES, TEXT
from agenhood.fleet.hostile import revealed
from agenhood.fleet.models import Artifact

TEXT_BYTES = 100_000
LARGEST_IMAGE_BYTES = 10 * 10**6


@dataclass(frozen=True, slots=True)
class TextPreview:
    text: str
    is_cut: bool


def shows_image(artifact: Artifact) -> bool:
    return artifact.content_type in IMAGES and artifact.size <= LARGEST_IMAGE_BYTES


def shows_text(artifact: Artifact) -> bool:
    return artifact.content_type == TEXT


def text_preview(file: Any) -> TextPreview:
    """Return the beginning of a text file, with what hides in it made visible."""
    beginning = file.read(TEXT_BYTES + 1)
    is_cut = len(beginning) > TEXT_BYTES
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(beginning[:TEXT_BYTES], final=not is_cut)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return TextPreview(revealed(text), is_cut)
