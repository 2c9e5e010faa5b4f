"""What a file is, told from its bytes: an agent's name for it and what it claims count for nothing.

Only what can be told apart for sure gets a type of its own. What a browser would run, SVG and HTML
first of all, is text here.
"""

import codecs

SNIFFED_BYTES = 8192
UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
# https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern, and two that people know
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
)
# Of these a browser makes pixels and nothing else.
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
# Byte order marks of encodings in which text is not UTF-8: nobody here reads them as text.
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def type_of(beginning: bytes) -> str:
    """Return the content type of a file that begins so; its first SNIFFED_BYTES are enough."""
    beginning = beginning[:SNIFFED_BYTES]
    for signature, content_type in SIGNATURES:
        if beginning.startswith(signature):
            return content_type
    if beginning[:4] == b"RIFF" and beginning[8:14] == b"WEBPVP":
        return "image/webp"
    return TEXT if _is_text(beginning) else UNKNOWN


def _is_text(beginning: bytes) -> bool:
    if b"\0" in beginning or beginning.startswith(_WIDE):
        return False
    try:
        # A character that the cut went through is no fault.
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return True
