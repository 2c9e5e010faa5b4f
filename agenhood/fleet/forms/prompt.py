"""What people may type about prompts. Texts keep every character, but lines end in one way."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.names import NamedForm
from agenhood.fleet.models import Prompt, PromptVersion
from agenhood.fleet.models.prompt import validate_label

LONGEST_TEXT = 100_000
LARGEST_NUMBER = 2**31 - 1


class LongTextField(forms.CharField):
    """A text of at most 100,000 characters, with its blanks. Browsers end lines with two."""

    widget = forms.Textarea(attrs={"rows": 18, "class": "code", "spellcheck": "true"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, max_length=LONGEST_TEXT, **kwargs)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ValidationError("Half of a character is not allowed.")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def validate(self, value: Any) -> None:
        super().validate(value)
        if not value.strip():
            raise ValidationError(self.error_messages["required"], code="required")

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """No `maxlength`: a browser cuts what is pasted without a word. The server says so."""
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs


def _note() -> forms.CharField:
    return forms.CharField(
        label="What this changes, and why",
        max_length=200,
        required=False,
        help_text="Stands beside the version.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PromptDetailsForm(NamedForm, forms.ModelForm):
    class Meta:
        model = Prompt
        fields = ["name", "description"]
        widgets: dict[str, Any] = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "description": forms.TextInput(attrs={"autocomplete": "off"}),
        }


class PromptForm(PromptDetailsForm):
    """A new prompt with its first text."""

    text = LongTextField()


class PromptVersionForm(forms.Form):
    """A further text. `base` is the newest version's number when the text was begun."""

    text = LongTextField()
    note = _note()
    base = forms.IntegerField(
        min_value=0, max_value=LARGEST_NUMBER, required=False, widget=forms.HiddenInput
    )


class PromptLabelForm(forms.Form):
    """Where a label of a prompt is to point. `seen` is the version it had then; 0 for a new one.

    `version` is a number; afterwards the version itself.
    """

    name = forms.CharField(
        label="Label",
        max_length=30,
        validators=[validate_label],
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    version = forms.IntegerField(min_value=1, max_value=LARGEST_NUMBER)
    seen = forms.IntegerField(
        min_value=0, max_value=LARGEST_NUMBER, required=False, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, prompt: Prompt, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prompt = prompt

    def clean_version(self) -> PromptVersion:
        number = self.cleaned_data["version"]
        version: PromptVersion | None = (
            self.prompt.versions.filter(number=number).defer("text").first()
        )
        if version is None:
            raise ValidationError(f"There is no v{number} of this prompt.")
        return version
