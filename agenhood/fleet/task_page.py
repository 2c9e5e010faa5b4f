"""What a task's page shows, read the same way for the page and for whoever watches it live."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from agenhood.fleet import queue
from agenhood.fleet.meters import meters_of
from agenhood.fleet.models import Approval, Artifact, Event, Task
from agenhood.fleet.money import cost
from agenhood.fleet.timeline import ShownEvent, begun, shown_event
from workspaces.meters import Meter

EVENTS_ON_A_PAGE = 200
State = Task.State


@dataclass(frozen=True, slots=True)
class Page:
    """Events in their order. `earlier` and `later` are the numbers to go on from, None where there
    is nothing; `last` is the last number that there is, shown or not."""

    events: list[ShownEvent]
    earlier: int | None
    later: int | None
    last: int


@dataclass(frozen=True)
class Status:
    """How a task is doing. `task` is one of `find`."""

    task: Any

    @cached_property
    def place(self) -> int:
        """Its place in the workspace's queue, 0 when it is not in it."""
        return queue.place(self.task) if self.task.state == State.QUEUED else 0

    @property
    def is_cancelling(self) -> bool:
        return self.task.state == State.RUNNING and self.task.cancel_requested_at is not None

    @property
    def is_unfinished(self) -> bool:
        return self.task.state in Task.UNFINISHED

    @property
    def words(self) -> str:
        if self.is_cancelling:
            return "Stopping by force" if self.task.is_stopped_by_force else "Cancelling"
        label: str = self.task.get_state_display()
        return f"{label}, place {self.place:,}" if self.place else label

    @property
    def meters(self) -> list[Meter]:
        """How far from its limits; the time is apart, since it goes on without being told."""
        return [one for one in self._all_meters if one.label != "Time"]

    @property
    def time(self) -> Meter | None:
        return next((one for one in self._all_meters if one.label == "Time"), None)

    @cached_property
    def _all_meters(self) -> list[Meter]:
        return meters_of(self.task) if self.is_unfinished else []

    @property
    def totals(self) -> str:
        tokens = self.task.input_tokens + self.task.output_tokens
        return f"{tokens:,} tokens · {cost(self.task.cost_micros)}"

    def told(self) -> dict[str, Any]:
        """Return what watchers are told. Of what has parts that only some may see or do, they are
        told that it has changed: each asks for it anew, in their own name."""
        task = self.task
        stopping = [task.cancel_requested_at is not None, task.is_stopped_by_force]
        return {
            "state": task.state,
            "words": self.words,
            "unfinished": self.is_unfinished,
            "events": task.last,
            "totals": self.totals,
            "meters": [[one.label, one.words, one.percent] for one in self.meters],
            "parts": {
                "head": f"{task.state} {task.attempt} {stopping}",
                "approvals": f"{task.asked} {task.pending}",
                "files": f"{task.files} {self.is_unfinished}",
            },
        }


def find(task_id: UUID) -> Any:
    """Return a task without its texts, with what its status is made of; None if there is none."""
    return rows_of(task_id).select_related("agent__project", "conversation", "workspace").first()


def rows_of(task_id: UUID) -> Any:
    """Read of a task what its status is made of, without its agent."""
    return (
        Task.objects.filter(pk=task_id)
        .defer("input", "output")
        .annotate(
            last=Coalesce(Subquery(_numbers(Event.objects.all())), 0),
            files=_count(Artifact.objects.all()),
            asked=_count(Approval.objects.all()),
            pending=_count(Approval.objects.filter(state=Approval.State.PENDING)),
        )
    )


def page_of(
    task: Any, *, after: int | None = None, before: int | None = None, kinds: Sequence[str] = ()
) -> Page:
    """Return the events that come after a number, or those before one.

    With neither: the last ones of a task that goes on, and the first ones of one that has ended.
    """
    rows = begun(Event.objects.filter(task=task))
    if kinds:
        rows = rows.filter(kind__in=kinds)
    is_tail = after is None and (before is not None or task.state in Task.UNFINISHED)
    if is_tail:
        rows = rows.filter(number__lt=before) if before is not None else rows
        found = list(rows.order_by("-number")[: EVENTS_ON_A_PAGE + 1])
        more, found = len(found) > EVENTS_ON_A_PAGE, found[:EVENTS_ON_A_PAGE][::-1]
        earlier = found[0].number if more else None
        later = found[-1].number if found and found[-1].number < task.last else None
    else:
        found = list(rows.filter(number__gt=after or 0).order_by("number")[: EVENTS_ON_A_PAGE + 1])
        more, found = len(found) > EVENTS_ON_A_PAGE, found[:EVENTS_ON_A_PAGE]
        later = found[-1].number if more else None
        earlier = (found[0].number if found else after + 1) if after else None
    return Page([shown_event(event) for event in found], earlier, later, task.last)


def events_between(task: Any, after: int, until: int) -> list[ShownEvent]:
    """Return the events that come after a number, up to another one."""
    return [shown_event(event) for event in rows_between(task.pk, after, until)]


def rows_between(task_id: UUID, after: int, until: int) -> QuerySet[Any]:
    rows = begun(Event.objects.filter(task=task_id, number__gt=after, number__lte=until))
    return rows.order_by("number")


def event_markup(task: Any, event: ShownEvent) -> SafeString:
    """Return an event as the page shows it, the same for everybody who may see it."""
    context = {"item": event, "task": task, "slug": task.workspace.slug}
    return render_to_string("fleet/_event.html", context)


def arguments_of(approval: Approval) -> list[tuple[str, str]]:
    """Return what would run, an argument each, in one order on every page."""
    found = approval.arguments
    named = sorted(found.items()) if isinstance(found, dict) else [("arguments", found)]
    return [
        (name, value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))
        for name, value in named
    ]


def _numbers(events: QuerySet[Any]) -> QuerySet[Any]:
    return events.filter(task=OuterRef("pk")).order_by("-number").values("number")[:1]


def _count(rows: QuerySet[Any]) -> Any:
    of_task = rows.filter(task=OuterRef("pk")).order_by().values("task")
    counted = of_task.annotate(counted=Count("pk")).values("counted")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
