"""What a list of agents says of their tasks: two statements, whatever the number of agents."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.utils import timezone

from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import Agent, Task

SPAN = timedelta(days=7)
SUCCEEDED = Q(state=Task.State.SUCCEEDED)
DECIDED = SUCCEEDED | Q(state__in=[Task.State.FAILED, Task.State.TIMED_OUT])


@dataclass(frozen=True, slots=True)
class Columns:
    """`success` is in percent of the tasks that succeeded, failed or timed out, None of none;
    `spend` in US dollars. Both are of the last seven days."""

    last_task: Task | None
    tasks: int
    success: int | None
    spend: Decimal


def columns_of(agents: Iterable[Agent]) -> dict[UUID, Columns]:
    ids = [agent.pk for agent in agents]
    if not ids:
        return {}
    newest = Task.objects.filter(agent=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    last = Agent.objects.filter(pk__in=ids).annotate(last=Subquery(newest)).values("last")
    # Only what the page shows: a task's input and output may be long.
    shown = Task.objects.filter(pk__in=last).only(
        "agent_id", "number", "state", "created_at", "finished_at", "conversation_id"
    )
    last_tasks = {task.agent_id: task for task in shown}
    sums = {sums["agent"]: sums for sums in _week(ids)}
    return {pk: _columns(last_tasks.get(pk), sums.get(pk, {})) for pk in ids}


def _week(ids: list[UUID]) -> Iterable[dict[str, Any]]:
    since = first_id_at(timezone.now() - SPAN)
    found: Iterable[dict[str, Any]] = (
        Task.objects.filter(agent__in=ids, pk__gte=since)
        .values("agent")
        .annotate(
            tasks=Count("pk"),
            succeeded=Count("pk", filter=SUCCEEDED),
            decided=Count("pk", filter=DECIDED),
            spend=Sum("cost_micros"),
        )
    )
    return found


def _columns(last_task: Task | None, sums: dict[str, Any]) -> Columns:
    decided = sums.get("decided", 0)
    return Columns(
        last_task,
        sums.get("tasks", 0),
        sums["succeeded"] * 100 // decided if decided else None,
        dollars(sums.get("spend") or 0),
    )


def dollars(micros: int) -> Decimal:
    """Return millionths of a US dollar as dollars and cents."""
    return (Decimal(micros) / 1_000_000).quantize(Decimal("0.01"))
