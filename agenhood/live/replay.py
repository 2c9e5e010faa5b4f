"""Reading what is new in a topic, in its workspace's scope. Rendered once for all who watch it.

A watcher is first added to the hub and then reads for itself what it has missed; what comes twice
is told by its number and dropped. So nothing is lost between the two, and nothing is repeated.
"""

from datetime import timedelta
from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery
from django.template.loader import render_to_string
from django.utils import timezone

from agenhood.fleet import task_page
from agenhood.fleet.models import Agent, Task
from agenhood.live import frames
from agenhood.live.hub import Reading, Topic
from agenhood.live.threads import in_thread
from workspaces.scope import workspace_scope

EVENTS_AT_ONCE = 200
MOST_MISSED = 2000  # events that are sent; of more, the last few, and it is said which are missing
KEPT = 200
AGENTS_AT_ONCE = 200
LATELY = timedelta(minutes=10)


async def read(topic: Topic, after: int | None, agents: frozenset[UUID]) -> Reading | None:
    """Return what is new in a topic; None if it is gone."""
    if topic.task_id is None:
        return await in_thread(read_fleet, topic.workspace_id, agents)
    return await in_thread(read_task, topic.workspace_id, topic.task_id, after)


def read_task(workspace_id: UUID, task_id: UUID, after: int | None) -> Reading | None:
    with workspace_scope(workspace_id):
        task = task_page.find(task_id)
        if task is None:
            return None
        status = task_page.Status(task)
        told = {"status": frames.note("status", status.told())}
        first = task.last if after is None else min(after, task.last)
        found = []
        if task.last - first > MOST_MISSED:
            found.append(frames.gap(first + 1, task.last - KEPT))
            first = task.last - KEPT
        until = min(task.last, first + EVENTS_AT_ONCE)
        if until > first:
            found += [
                frames.step(
                    shown.event.number, shown.event.kind, task_page.event_markup(task, shown)
                )
                for shown in task_page.events_between(task, first, until)
            ]
        return Reading(found, until, told, until < task.last, task.state == Task.State.QUEUED)


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
