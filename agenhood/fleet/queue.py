"""Which of a workspace's tasks runs next, and which wait. Everything in the workspace's scope.

A queued task has a job (`Task.job`) only when it may run at once: its agent is free, and one of the
workspace's slots. All others wait in their rows, the oldest first, so that however many tasks a
workspace has queued, its jobs before another's are never more than its slots. Whatever ends a task,
or lets an agent work again, calls `wake`, as the last thing in its scope.

Locks are taken in one order: a task's row, then the workspace's queue, then rows that are free.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Sum
from django.utils import timezone

from agenhood.fleet import live
from agenhood.fleet.actions import history
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import Agent, Task
from agenhood.fleet.money import cost
from workspaces.jobs import LONG_JOBS, queue_job
from workspaces.models import Workspace
from workspaces.scope import current_scope

QUEUE = LONG_JOBS
JOB = "task.run"
# A task counts for the day and the month in which it began to run. Those that were queued longer
# than this before are left out, so that the index of ids is enough to find the others.
LONGEST_WAIT = timedelta(days=7)
MICROS_PER_CENT = 10_000

State = Task.State


def enqueue(task: Task) -> None:
    """Have a queued task run as soon as it may, and one that waited for answers go on."""
    waiting = Task.objects.filter(pk=task.pk, state=State.WAITING)
    if waiting.update(state=State.QUEUED, job=None):
        live.tell(task)
    wake()
    task.refresh_from_db(fields=["state", "job"])


def wake() -> int:
    """Queue a job for each of the oldest tasks that may run and have none; return how many."""
    lock_queue()
    workspace = this_workspace()
    if workspace.is_suspended:
        return 0
    unfinished = Task.objects.unfinished()
    busy = list(
        unfinished.filter(
            Q(state=State.RUNNING) | Q(state=State.QUEUED, job__isnull=False)
        ).values_list("agent_id", flat=True)
    )
    free = workspace.max_running_tasks - len(busy)
    if free <= 0:
        return 0
    ready = unfinished.filter(
        state=State.QUEUED,
        job=None,
        cancel_requested_at=None,
        agent__in=Agent.objects.filter(state=Agent.State.RUNNING),
    ).exclude(agent__in=busy)
    first = ready.order_by("agent_id", "id").distinct("agent_id").values_list("pk", flat=True)
    # Who holds a row is about to change it, and calls this again when it has.
    free_rows = (
        Task.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(pk__in=list(first), state=State.QUEUED, job=None)
        .order_by("id")[:free]
    )
    chosen = list(free_rows)
    for task in chosen:
        queue_run(task)
    return len(chosen)


def queue_run(task: Task, *, at: datetime | None = None) -> None:
    """Give a task a new job, which runs it on behalf of who asked for it, not before `at`."""
    task.job = queue_job(JOB, {"task_id": task.pk}, queue=QUEUE, actor_id=task.created_by_id, at=at)
    Task.objects.filter(pk=task.pk).update(job=task.job)


def claim(task_id: UUID, *, job: int, worker: str) -> Task | None:
    """Begin to run a task, or begin it anew after the death of its worker; None if it may not be.

    Only the job that the task names may: one that came back from the dead begins nothing. What the
    task needs is asked again, and what is missing has it wait, or ends it.
    """
    task: Task | None = (
        Task.objects.select_for_update(of=["self"], no_key=True)
        .filter(pk=task_id, job=job, state__in=[State.QUEUED, State.RUNNING])
        .first()
    )
    lock_queue()
    if task is None or not _may_begin(task):
        wake()
        return None
    task.state, task.started_at, task.worker = State.RUNNING, timezone.now(), worker
    task.agent_revision = task.agent.revision
    task.save(update_fields=["state", "started_at", "worker", "attempt", "agent_revision"])
    live.tell(task)
    return task


def place(task: Task) -> int:
    """Return where a queued task stands in its workspace's queue, from 1: how many tasks of agents
    that work begin before it, and it."""
    before = Task.objects.filter(
        state=State.QUEUED, pk__lt=task.pk, agent__state=Agent.State.RUNNING
    )
    return before.count() + 1


def lock_queue() -> None:
    """Hold the workspace's queue until the scope ends."""
    name = f"agenhood tasks {current_scope().workspace_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def refusal() -> str:
    """Return why the workspace can take no more tasks now, for the person who asks; "" if it can.

    The queue is held from here on: of two requests at once, only one gets the last place.
    """
    lock_queue()
    most = this_workspace().max_queued_tasks
    if Task.objects.filter(state=State.QUEUED).count() >= most:
        return f"This workspace has {most:,} tasks in its queue, as many as it may have."
    return over_limit()


@dataclass(frozen=True, slots=True)
class Used:
    tokens: int
    cost_micros: int


def over_limit() -> str:
    """Return which limit of tokens or spend the workspace has reached, in words; "" if none."""
    workspace = this_workspace()
    limits = (
        (day(), workspace.max_tokens_per_day, workspace.max_cents_per_day, "day", "tomorrow"),
        (
            month(),
            workspace.max_tokens_per_month,
            workspace.max_cents_per_month,
            "month",
            "next month",
        ),
    )
    for since, tokens, cents, period, then in limits:
        if tokens is None and cents is None:
            continue
        used = used_since(since)
        if tokens is not None and used.tokens >= tokens:
            what = f"{tokens:,} tokens"
        elif cents is not None and used.cost_micros >= cents * MICROS_PER_CENT:
            what = f"{cost(cents * MICROS_PER_CENT)}"
        else:
            continue
        return f"This workspace has used its {what} for this {period}. It goes on {then} (UTC)."
    return ""


def used_since(since: datetime) -> Used:
    """Return what the workspace's tasks took that began to run since a moment."""
    found = Task.objects.filter(
        pk__gte=first_id_at(since - LONGEST_WAIT), started_at__gte=since
    ).aggregate(tokens=Sum(F("input_tokens") + F("output_tokens")), micros=Sum("cost_micros"))
    return Used(found["tokens"] or 0, found["micros"] or 0)


def day() -> datetime:
    """Return when this day began, in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month() -> datetime:
    return day().replace(day=1)


def this_workspace() -> Workspace:
    return Workspace.objects.get(pk=current_scope().workspace_id)


def _may_begin(task: Task) -> bool:
    """Whether the task is to be run by the job that asks; else it waits or has ended by now."""
    if task.cancel_requested_at is not None:
        return _end(task, State.CANCELLED, "")
    if task.state == State.QUEUED and not _has_its_turn(task):
        Task.objects.filter(pk=task.pk).update(job=None)
        return False
    if reason := over_limit():
        return _end(task, State.FAILED, reason)
    if task.state == State.RUNNING:
        return _begin_anew(task)
    history.say_state(task, State.RUNNING)
    return True


def _has_its_turn(task: Task) -> bool:
    running = list(
        Task.objects.filter(state=State.RUNNING)
        .exclude(pk=task.pk)
        .values_list("agent_id", flat=True)
    )
    return (
        task.agent.state == Agent.State.RUNNING
        and task.agent_id not in running
        and len(running) < this_workspace().max_running_tasks
    )


def _begin_anew(task: Task) -> bool:
    most = task.agent.max_attempts
    if task.attempt >= most:
        return _end(
            task, State.FAILED, f"The worker died while it ran this, in attempt {task.attempt}."
        )
    task.attempt += 1
    history.say_state(
        task, State.RUNNING, f"The worker died: attempt {task.attempt} of {most} begins."
    )
    return True


def _end(task: Task, state: State, reason: str) -> bool:
    history.end_task(task, state, reason=reason)
    return False
