"""Which entries somebody wants to see: a page's query string, or plain data."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from workspaces.audit.models import AuditEntry
from workspaces.paging import LARGEST
from workspaces.scope import current_scope

FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2999, 12, 31)
CHOICES = 200  # that a list offers; what is rarer is typed
SEARCHED = 2000  # names that a part is looked for in; where there are more, only whole ones are


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


class AuditForm(forms.Form):
    """Filters of a trail. Days are those of the active time zone, both included; `above` and `upto`
    are numbers, for code that has no time zone. What is named need not exist: then nothing is
    found."""

    actor = forms.CharField(required=False, max_length=254)
    action = forms.CharField(required=False, max_length=60)
    target = forms.CharField(required=False, max_length=254)
    outcome = forms.ChoiceField(
        required=False, choices=[("", "Every outcome"), *AuditEntry.Outcome.choices]
    )

    above = forms.IntegerField(required=False, min_value=0, max_value=LARGEST)
    upto = forms.IntegerField(required=False, min_value=0, max_value=LARGEST)

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__({name: str(value).replace("\0", "") for name, value in data.items()})
        self.takes_whole_names = False  # known once `entries` has been asked
        self.fields["from"] = _Days("From")
        self.fields["to"] = _Days("To")

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("from"), self.cleaned_data.get("to")
        if first and last and first > last:
            self.add_error("to", "This day is before the first one.")
        return self.cleaned_data

    @property
    def query(self) -> str:
        """Return a valid form's query string, without what was left empty and without a page."""
        return _query(self.cleaned_data)

    @property
    def lasting_query(self) -> str:
        """Return a query string for the entries that the form finds now, whoever asks and when."""
        above, upto = self._bounds()
        if upto is None:
            upto = AuditEntry.objects.order_by("-number").values_list("number", flat=True).first()
        days = {"from": None, "to": None}
        return _query(self.cleaned_data | days | {"above": above, "upto": upto or 0})

    def entries(self) -> QuerySet[AuditEntry]:
        """Return what a valid form asks for, in no order. Each filter has an index of its own."""
        asked = self.cleaned_data
        entries = AuditEntry.objects.all()
        if asked["actor"]:
            entries = entries.filter(actor_label__in=self._named("actor_label", asked["actor"]))
        if asked["action"]:
            entries = entries.filter(action=asked["action"])
        if asked["target"]:
            if _is_id(asked["target"]):
                entries = entries.filter(target_id=asked["target"])
            else:
                named = self._named("target_label", asked["target"])
                entries = entries.filter(target_label__in=named)
        if asked["outcome"]:
            entries = entries.filter(outcome=asked["outcome"])
        above, upto = self._bounds()
        if above is not None:
            entries = entries.filter(number__gt=above)
        if upto is not None:
            entries = entries.filter(number__lte=upto)
        return entries

    def _named(self, column: str, part: str) -> list[str]:
        """Return the names in a column that a part of one, in any case, means: a whole one itself.

        They are compared here: row security lets no index serve a comparison that may leak, and
        neither LIKE nor lower() is free of that.
        """
        names = used(column, SEARCHED + 1)
        if len(names) > SEARCHED:
            self.takes_whole_names = True
            return [part]
        if part in names:
            return [part]
        return [name for name in names if part.casefold() in name.casefold()]

    def _bounds(self) -> tuple[int | None, int | None]:
        """Return the numbers that the days mean, which grow with time: so a page is read from one
        place of the index, however many newer entries there are."""
        asked = self.cleaned_data
        above, upto = asked["above"], asked["upto"]
        if asked["from"]:
            above = max(above or 0, _last_number(_midnight(asked["from"])))
        if asked["to"]:
            last = _last_number(_midnight(asked["to"] + timedelta(days=1)))
            upto = last if upto is None else min(upto, last)
        return above, upto


def _query(asked: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value not in (None, "")})


def _last_number(moment: datetime) -> int:
    """Return the number of the last entry before the moment, 0 where there is none."""
    earlier = AuditEntry.objects.filter(time__lt=moment).order_by("-time", "-number")
    return earlier.values_list("number", flat=True).first() or 0


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.get_current_timezone()).astimezone(UTC)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def used(column: str, most: int = CHOICES) -> list[str]:
    """Return what stands in an indexed column of the workspace's trail, sorted, `most` at most.

    It jumps from each value to the next in the index, so that a long trail costs no more.
    """
    sql = f"""
        WITH RECURSIVE found AS (
            (SELECT {column} AS value FROM workspaces_auditentry WHERE workspace_id = %(here)s
              ORDER BY {column} LIMIT 1)
            UNION ALL
            SELECT (SELECT e.{column} FROM workspaces_auditentry AS e
                     WHERE e.workspace_id = %(here)s AND e.{column} > found.value
                     ORDER BY e.{column} LIMIT 1)
              FROM found WHERE found.value IS NOT NULL
        )
        SELECT value FROM found WHERE value IS NOT NULL LIMIT %(most)s
    """  # noqa: S608 - the column's name is the caller's, in code
    with connection.cursor() as cursor:
        cursor.execute(sql, {"here": current_scope().workspace_id, "most": most})
        return [value for (value,) in cursor.fetchall()]


def in_batches(entries: QuerySet[AuditEntry], size: int) -> Iterator[AuditEntry]:
    """Yield entries, the newest first, read `size` at a time."""
    rest = entries
    while True:
        batch = list(rest.order_by("-number")[:size])
        yield from batch
        if len(batch) < size:
            return
        rest = entries.filter(number__lt=batch[-1].number)
