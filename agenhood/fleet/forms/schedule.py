"""When an agent is to be asked for something, typed into a page or sent as plain data."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.forms import time_zones
from accounts.names import NamedForm
from agenhood.fleet.cron import next_times
from agenhood.fleet.forms.prompt import LongTextField
from agenhood.fleet.models import Agent, Schedule

LATEST = datetime(2999, 12, 31, tzinfo=UTC)
LOCAL = "%Y-%m-%dT%H:%M"


class TimesForm(forms.Form):
    """The times alone. `times()` is what a valid form says of them.

    `when` tells a page's two ways apart; plain data has one of `cron` and `once_at`.
    """

    when = forms.ChoiceField(
        choices=[("cron", "Again and again"), ("once", "Once")],
        required=False,
        widget=forms.RadioSelect,
        label="When",
    )
    cron = forms.CharField(
        label="Cron expression",
        max_length=100,
        required=False,
        help_text="Minute, hour, day of the month, month, day of the week: 0 9 * * 1-5 is at 9:00"
        " from Monday to Friday.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "code"}
        ),
    )
    once_at = forms.CharField(
        label="Day and time",
        required=False,
        widget=forms.TextInput(attrs={"type": "datetime-local"}),
    )
    time_zone = forms.ChoiceField(choices=time_zones, initial="UTC")

    def clean_once_at(self) -> datetime | None:
        """Return what was typed as it stands: a page's has no time zone."""
        text = self.cleaned_data["once_at"]
        if not text:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError("Write day and time as 2026-12-31T09:00.") from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        once = cleaned.get("once_at")
        is_once = cleaned.get("when") == "once" or (not cleaned.get("when") and bool(once))
        self._drop("cron" if is_once else "once_at", "" if is_once else None)
        if "time_zone" not in cleaned:
            return cleaned
        if is_once:
            self._check_once(once, ZoneInfo(cleaned["time_zone"]))
        else:
            self._check_cron()
        return cleaned

    def _drop(self, name: str, empty: Any) -> None:
        """Forget what the other way would need, with what was wrong about it."""
        self.cleaned_data[name] = empty
        self.errors.pop(name, None)

    def _check_once(self, once: datetime | None, zone: ZoneInfo) -> None:
        if once is None:
            if "once_at" not in self.errors:
                self.add_error("once_at", "Say when.")
            return
        try:
            once = (once if once.tzinfo else once.replace(tzinfo=zone)).astimezone(UTC)
            is_possible = timezone.now() < once <= LATEST
        except OverflowError:
            is_possible = False
        if is_possible:
            self.cleaned_data["once_at"] = once
        else:
            self.add_error("once_at", "This is past, or further off than anybody plans.")

    def _check_cron(self) -> None:
        if "cron" in self.errors:
            return
        try:
            next_times(self.cleaned_data["cron"], self.cleaned_data["time_zone"], timezone.now(), 1)
        except ValueError as error:
            self.add_error("cron", str(error))

    def times(self, count: int) -> list[datetime]:
        """Return the next times that a valid form says, in UTC."""
        cleaned = self.cleaned_data
        if cleaned["once_at"]:
            return [cleaned["once_at"]]
        return next_times(cleaned["cron"], cleaned["time_zone"], timezone.now(), count)


class ScheduleForm(NamedForm, forms.ModelForm, TimesForm):
    input = LongTextField(
        label="What is to be done?",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "true"}),
    )

    class Meta:
        model = Schedule
        fields = ["agent", "name", "input", "cron", "once_at", "time_zone", "overlap"]
        labels: dict[str, Any] = {"overlap": "If its last task has not ended by then"}
        widgets: dict[str, Any] = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        self._before = {
            name: getattr(instance, name) for name in self.Meta.fields if instance is not None
        }
        initial = kwargs.pop("initial", {})
        if instance is not None:
            initial = {"when": "once" if instance.once_at else "cron"} | initial
            if instance.once_at:
                local = instance.once_at.astimezone(ZoneInfo(instance.time_zone))
                initial["once_at"] = local.strftime(LOCAL)
        kwargs["initial"] = {"when": "cron"} | initial
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        here = instance.agent_id if instance is not None else None
        agents = Agent.objects.filter(~Q(state=Agent.State.ARCHIVED) | Q(pk=here))
        fields["agent"].queryset = agents.order_by(Lower("name"))
        fields["agent"].empty_label = "Choose…"
        fields["overlap"].choices = Schedule.Overlap.choices

    def clean(self) -> dict[str, Any]:
        forms.ModelForm.clean(self)
        return TimesForm.clean(self)

    def before(self, name: str) -> Any:
        """Return a field's value as it was stored: a ModelForm writes on its instance."""
        return self._before[name]
