"""Reading what is new in a topic, in its workspace's scope. Rendered once for all who watch it.

A watcher is first added to the hub and then reads for itself what it has missed; what comes twice
is told by its number and dropped. So nothing is lost between the two, and nothing is repeated.

The few events that somebody waits for are read on the event loop's own connection, by SQL that was
made before; everything else in threads, by the ORM.
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery
from django.template.loader import render_to_string
from django.utils import timezone

from agenhood.fleet import task_page
from agenhood.fleet.models import Agent, Task
from agenhood.fleet.timeline import ShownEvent, shown_event
from agenhood.live import frames
from agenhood.live.compiled import Compiled
from agenhood.live.direct import Direct, NoAnswer
from agenhood.live.frames import Frame
from agenhood.live.hub import Reading, Topic
from agenhood.live.threads import in_thread
from workspaces.scope import workspace_scope

EVENTS_AT_ONCE = 200
MOST_MISSED = 2000  # events that are sent; of more, the last few, and it is said which are missing
KEPT = 200
AGENTS_AT_ONCE = 200
LATELY = timedelta(minutes=10)


EVENTS_AT_A_TIME = 20  # that the event loop renders in one go
EVENTS = Compiled(task_page.rows_between, task_id=UUID, after=int, until=int)
TASK = Compiled(task_page.rows_of, task_id=UUID)

log = logging.getLogger("agenhood.live")


class Tables:
    """The source of a hub: what there is of a topic in the database."""

    def __init__(self) -> None:
        # Of each its own: nobody waits for an event behind somebody else's status.
        self._events = Direct("agenhood live events")
        self._status = Direct("agenhood live status")

    async def read(
        self, topic: Topic, after: int | None, agents: frozenset[UUID] = frozenset()
    ) -> Reading | None:
        if topic.task_id is None:
            return await in_thread(read_fleet, topic.workspace_id, agents)
        return await in_thread(read_task, topic.workspace_id, topic.task_id, after)

    async def events(self, topic: Topic, after: int, until: int, about: Any) -> list[Frame] | None:
        last = min(until, after + EVENTS_AT_A_TIME)
        rows = await _rows(self._events, EVENTS, topic, after=after, until=last)
        return None if rows is None else [_step(about, shown_event(row)) for row in rows]

    async def status(self, topic: Topic, about: Any) -> Reading | None:
        """Measured by its agent as it was when all was read last: later limits are not its own."""
        rows = await _rows(self._status, TASK, topic)
        if not rows or rows[0].state == Task.State.QUEUED:  # its place is not in its row
            return None
        (task,) = rows
        task.agent = about.agent
        return Reading(notes=_told(task))


async def _rows(
    direct: Direct, compiled: Compiled, topic: Topic, **arguments: int
) -> list[Any] | None:
    assert topic.task_id is not None  # noqa: S101 - of a task, as the hub asks for these alone
    sql, parameters = compiled.statement(topic.workspace_id, task_id=topic.task_id, **arguments)
    try:
        columns, rows = await direct.read(topic.workspace_id, sql, parameters)
    except NoAnswer as error:
        log.warning("the short way to what is new is closed: %s", error)
        return None
    return compiled.made(columns, rows)


def _told(task: Any) -> dict[str, bytes]:
    return {"status": frames.note("status", task_page.Status(task).told())}


def _step(task: Any, shown: ShownEvent) -> Frame:
    event = shown.event
    return frames.step(event.number, event.kind, task_page.event_markup(task, shown))


def read_task(workspace_id: UUID, task_id: UUID, after: int | None) -> Reading | None:
    with workspace_scope(workspace_id):
        task = task_page.find(task_id)
        if task is None:
            return None
        EVENTS.compile()
        TASK.compile()
        first = task.last if after is None else min(after, task.last)
        found = []
        if task.last - first > MOST_MISSED:
            found.append(frames.gap(first + 1, task.last - KEPT))
            first = task.last - KEPT
        until = min(task.last, first + EVENTS_AT_ONCE)
        if until > first:
            found += [_step(task, shown) for shown in task_page.events_between(task, first, until)]
        is_queued = task.state == Task.State.QUEUED
        return Reading(found, until, _told(task), until < task.last, is_queued, task)


def read_fleet(workspace_id: UUID, ids: frozenset[UUID]) -> Reading:
    """Read how many tasks there are under way, and these agents, or those with these tasks.

    Without ids, when somebody comes or what changed was not heard: the agents that are at work, and
    those that changed lately.
    """
    with workspace_scope(workspace_id):
        state = Task.State
        counted = Task.objects.unfinished().aggregate(
            running=Count("pk", filter=Q(state=state.RUNNING)),
            queued=Count("pk", filter=Q(state=state.QUEUED)),
            waiting=Count("pk", filter=Q(state=state.WAITING)),
        )
        if not ids:
            at_work = Task.objects.unfinished().values("agent")
            agents = Agent.objects.filter(
                Q(pk__in=at_work) | Q(state_since__gte=timezone.now() - LATELY)
            )
        else:
            of_tasks = Task.objects.filter(pk__in=ids).values("agent")
            agents = Agent.objects.filter(Q(pk__in=ids) | Q(pk__in=of_tasks))
        shown = {str(agent.pk): _agent(agent) for agent in agents.order_by("pk")[:AGENTS_AT_ONCE]}
        _name_last_tasks(shown)
        return Reading(notes={"fleet": frames.note("fleet", counted | {"agents": shown})})


def _agent(agent: Agent) -> dict[str, str]:
    return {"state": render_to_string("fleet/_agent_state.html", {"agent": agent}), "task": ""}


def _name_last_tasks(shown: dict[str, dict[str, str]]) -> None:
    newest = Task.objects.filter(agent=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    last = Agent.objects.filter(pk__in=list(shown)).annotate(last=Subquery(newest)).values("last")
    for task in Task.objects.filter(pk__in=last).only("agent", "state"):
        markup = render_to_string("fleet/_task_state.html", {"task": task})
        shown[str(task.agent_id)]["task"] = markup
