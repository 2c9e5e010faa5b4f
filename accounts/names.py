"""Names that people type, and others tell things apart by: they hide nothing."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

# Control characters but tab and line feed, marks of direction, and what has no width. Joiners are
# not among them: some scripts, and emoji, are written with them.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e007f]"
)
FIELDS = ("name", "description", "title")


def refuse_hidden_characters(text: str) -> None:
    """Raise ValidationError for a line that could look like another one, or like two."""
    text = text.replace("\0", "")  # which Django's own fields refuse in words of their own
    if found := HIDDEN.search(text) or re.search(r"[\t\n]", text):
        raise ValidationError(
            f"Characters that cannot be seen are not allowed here: U+{ord(found[0]):04X}."
        )


class NamedForm(forms.BaseForm):
    """Mixed into a form: its names and descriptions hide nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in FIELDS:
            if name in self.fields:
                self.fields[name].validators.append(refuse_hidden_characters)
