"""How far a workspace is from what its tasks may take: on its home, and what happens then."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, IntegerField, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, JSONObject

from agenhood.fleet import queue
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import Task
from agenhood.fleet.money import cost
from workspaces.meters import Meter, meter
from workspaces.models import Workspace

SPENDERS = 3
State = Task.State


@dataclass(frozen=True, slots=True)
class Limit:
    """`then` says what happens at the limit, `resets_at` when what was used counts no more."""

    meter: Meter
    then: str
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """`spenders` are agents that cost most this month: their id, name, and what they cost."""

    limits: list[Limit]
    spenders: list[tuple[Any, str, str]]


def with_use(workspaces: QuerySet[Workspace]) -> QuerySet[Any]:
    """Add to the active workspace's row what `use` reads, in its own statement."""
    return workspaces.annotate(
        running=_number(Task.objects.filter(state=State.RUNNING)),
        queued=_number(Task.objects.filter(state=State.QUEUED)),
        by_agent=ArraySubquery(_by_agent()),
    )


def use(workspace: Any) -> Use:
    """Return what a workspace's tasks take of its limits, from its row `with_use`."""
    by_agent = workspace.by_agent
    limits = [
        _limit(
            "Tasks at once",
            workspace.running,
            workspace.max_running_tasks,
            "running",
            "more wait in the queue",
        ),
        _limit(
            "Queue", workspace.queued, workspace.max_queued_tasks, "waiting", "more are refused"
        ),
    ]
    today, month = queue.day(), queue.month()
    periods = [
        ("day", "today", today + timedelta(days=1)),
        ("month", "this month", (month + timedelta(days=32)).replace(day=1)),
    ]
    for period, words, resets_at in periods:
        tokens = sum(row[f"tokens_{period}"] or 0 for row in by_agent)
        micros = sum(row[f"micros_{period}"] or 0 for row in by_agent)
        most = getattr(workspace, f"max_tokens_per_{period}")
        if most is not None:
            limits.append(
                _used("Tokens", tokens, most, f"{tokens:,} of {most:,} tokens", words, resets_at)
            )
        cents = getattr(workspace, f"max_cents_per_{period}")
        if cents is not None:
            most = cents * queue.MICROS_PER_CENT
            limits.append(
                _used("Spend", micros, most, f"{cost(micros)} of {cost(most)}", words, resets_at)
            )
    costly = sorted(by_agent, key=lambda row: row["micros_month"] or 0, reverse=True)[:SPENDERS]
    spenders = [
        (UUID(row["agent"]), row["name"], cost(row["micros_month"]))
        for row in costly
        if row["micros_month"]
    ]
    return Use(limits, spenders)


def _limit(label: str, value: int, most: int, words: str, then: str) -> Limit:
    return Limit(meter(label, value, max(most, 1), f"{value:,} of {most:,} {words}"), then)


def _used(label: str, value: int, most: int, words: str, period: str, resets_at: datetime) -> Limit:
    shown = meter(f"{label} {period}", value, max(most, 1), f"{words} {period}")
    return Limit(shown, "no task begins", resets_at)


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("workspace_id").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _by_agent() -> QuerySet[Any]:
    """Return what each agent's tasks took that began this month, and those of them today."""
    is_today = Q(started_at__gte=queue.day())
    tokens = F("input_tokens") + F("output_tokens")
    month = queue.month()
    found: QuerySet[Any] = (
        Task.objects.filter(pk__gte=first_id_at(month - queue.LONGEST_WAIT), started_at__gte=month)
        .order_by()
        .values("agent", "agent__name")
        .annotate(
            tokens_month=Sum(tokens),
            tokens_day=Sum(tokens, filter=is_today),
            micros_month=Sum("cost_micros"),
            micros_day=Sum("cost_micros", filter=is_today),
        )
        .values_list(
            JSONObject(
                agent="agent",
                name="agent__name",
                tokens_month="tokens_month",
                tokens_day="tokens_day",
                micros_month="micros_month",
                micros_day="micros_day",
            )
        )
    )
    return found
