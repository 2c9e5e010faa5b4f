"""Inputs that are written and never shown again: a form that comes back leaves them empty."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.views.decorators.debug import sensitive_variables

KEPT_BY_NOBODY = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
LONGEST_FILE = 64 * 1024  # bytes

one_line = RegexValidator(
    r"^[\x21-\x7e]+\Z", "This has blanks or line breaks in it, or letters that no key has."
)


class SecretInput(forms.PasswordInput):
    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs=KEPT_BY_NOBODY | (attrs or {}), render_value=False)


class SecretTextarea(forms.Textarea):
    """Several lines, in which a password's dots would hide whether all of them were pasted."""

    def __init__(self, attrs: Any = None) -> None:
        shown = {"rows": 6, "class": "code"}
        super().__init__(attrs=KEPT_BY_NOBODY | shown | (attrs or {}))


class SecretField(forms.CharField):
    """A secret of one line. Neither its errors nor a form that comes back quote it."""

    widget: Any = SecretInput

    def bound_data(self, data: Any, initial: Any) -> None:
        """Return what is shown of what was typed."""

    @sensitive_variables()
    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValidationError("This is no text.") from None
        return text


class SecretLines(SecretField):
    """A secret of several lines, whose ends are those of files and not of browsers."""

    widget = SecretTextarea

    @sensitive_variables()
    def clean(self, value: Any) -> str:
        return str(super().clean(value)).replace("\r\n", "\n")


class PrivateKeyField(SecretLines):
    @sensitive_variables()
    def clean(self, value: Any) -> str:
        text = super().clean(value).strip()
        if text and not (text.startswith("-----BEGIN ") and "PRIVATE KEY-----" in text):
            raise ValidationError("This is no private key: it begins with “-----BEGIN …”.")
        return text + "\n" if text else ""


class SecretFileField(forms.FileField):
    """A small file's bytes. `cleaned_data` has the upload, whose name is no secret."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, allow_empty_file=False, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if upload and upload.size > LONGEST_FILE:
            raise ValidationError("A file of at most 64 KiB can be kept as a credential.")
        return upload
