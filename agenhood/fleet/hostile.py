"""Text that an agent or its tools wrote, made fit to be read on a page.

Templates escape markup; here goes what would still deceive: codes that colour or move a terminal,
characters that turn a line round or hide in it, and more than anybody reads.
"""

import re

from accounts.names import HIDDEN

# ECMA-48 control sequences, strings of the operating system's kind (titles, links), other escapes.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|\Z)"
    r"|\x1b[ -/]*[0-~]?"
)


def readable(text: str) -> str:
    """Return the text without what deceives. Lines end with a line feed; a line that was
    overwritten from its start, as progress bars are, becomes several."""
    text = text.replace("\r\n", "\n")
    return HIDDEN.sub("", _TERMINAL.sub("", text).replace("\r", "\n"))


def one_line(text: str) -> str:
    return " ".join(readable(text).split())


def revealed(text: str) -> str:
    """Return the text with each character that hides or deceives replaced by its name, such as
    ⟨U+202E⟩: for texts that people have to judge as they are."""
    return HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def hidden_characters(text: str) -> int:
    """Return how many characters of the text do not show when it is read."""
    return len(HIDDEN.findall(text))
