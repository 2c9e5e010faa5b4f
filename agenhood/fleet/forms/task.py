"""What an agent is asked to do, and what is answered to what it asks."""

from typing import Any
from uuid import uuid4

from django import forms

from agenhood.fleet.forms.prompt import LongTextField


class TaskForm(forms.Form):
    """A task's text. `submission` is drawn with the page, so that a form sent twice is one task."""

    text = LongTextField(
        label="What is to be done?",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "true"}),
    )
    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"submission": uuid4()} | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)


class ApprovalForm(forms.Form):
    """An answer to a tool call that asks first. `note` is what the model is told of a denial."""

    decision = forms.ChoiceField(
        choices=[("allow", "Allow"), ("deny", "Deny")],
        error_messages={"required": "Allow it or deny it."},
    )
    note = forms.CharField(
        label="Why not, for the agent to read",
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    @property
    def allows(self) -> bool:
        return bool(self.cleaned_data["decision"] == "allow")
