"""What the history's pages ask for. All of them take plain data: a page's, or an API's."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone

from accounts.models import validate_time_zone
from accounts.names import NamedForm
from agenhood.fleet.models import Conversation, SavedView, Task
from agenhood.fleet.search import WORDS_LENGTH, Selection

FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2999, 12, 31)


class _Days(forms.DateField):
    def __init__(self, label: str) -> None:
        super().__init__(
            label=label,
            required=False,
            input_formats=["%Y-%m-%d"],
            validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": "Write the day as 2026-12-31."},
        )


class _Id(forms.UUIDField):
    def __init__(self) -> None:
        super().__init__(required=False, error_messages={"invalid": "Choose one of the list."})


class HistoryForm(forms.Form):
    """A selection of the history, as its query string says it. An id need not exist: then nothing
    is found, whether it was never there or is another workspace's."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=WORDS_LENGTH,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    agent = _Id()
    project = _Id()
    person = _Id()
    state = forms.MultipleChoiceField(required=False, choices=Task.State.choices)
    zone = forms.CharField(required=False, max_length=60, validators=[validate_time_zone])

    def __init__(self, query: QueryDict | None = None) -> None:
        data = QueryDict(mutable=True)
        for name, values in (query or QueryDict()).lists():
            data.setlist(name, [value.replace("\0", "") for value in values])
        super().__init__(data)
        self.fields["from"] = _Days("From")
        self.fields["to"] = _Days("To")

    def clean(self) -> dict[str, Any]:
        days = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if days[0] and days[1] and days[0] > days[1]:
            self.add_error("to", "This day is before the first one.")
        return self.cleaned_data

    @property
    def selection(self) -> Selection:
        """Return what a valid form asks for."""
        asked = self.cleaned_data
        return Selection(
            words=asked["q"],
            agent=asked["agent"],
            project=asked["project"],
            person=asked["person"],
            states=tuple(asked["state"]),
            since=asked["from"],
            until=asked["to"],
            zone=asked["zone"],
        )

    @property
    def query(self) -> str:
        """Return a valid form's query string, without what was left empty and without a page."""
        return self.query_with()

    def query_with(self, **changed: Any) -> str:
        """Return the query string of the same selection with other values for some fields."""
        asked = [(name, value) for name, value in (self.cleaned_data | changed).items() if value]
        return urlencode(asked, doseq=True)

    @property
    def lasting_query(self) -> str:
        """Return the same for whoever reads it later: days are those of the reader's zone now."""
        days = self.cleaned_data["from"] or self.cleaned_data["to"]
        if not days or self.cleaned_data["zone"]:
            return self.query
        return f"{self.query}&{urlencode({'zone': timezone.get_current_timezone_name()})}"


class SavedViewForm(NamedForm, forms.ModelForm):
    """A name for a selection. `query` is any query string; what it does not understand is left."""

    query = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    class Meta:
        model = SavedView
        fields = ["name"]
        widgets: dict[str, Any] = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_query(self) -> str:
        form = HistoryForm(QueryDict(self.cleaned_data["query"]))
        if not form.is_valid():
            raise ValidationError("This selection cannot be saved: correct its filters first.")
        self.instance.query = form.query
        return form.query


class ConversationForm(forms.ModelForm):
    class Meta:
        model = Conversation
        fields = ["title"]
        widgets: dict[str, Any] = {"title": forms.TextInput(attrs={"autocomplete": "off"})}
