"""What the fleet shows on its workspace's home: what runs, what failed, what needs somebody."""

from datetime import timedelta
from typing import Any

from django.db.models import Case, CharField, Count, Exists, F, Q, Value, When, Window
from django.urls import reverse
from django.utils import timezone

from agenhood.fleet.activity import activity
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.meters import meters_of
from agenhood.fleet.models import Agent, Credential, Project, Prompt, Task
from agenhood.fleet.permissions import FleetPermission
from workspaces import home
from workspaces.models import Workspace
from workspaces.requests import MemberRequest

ROWS = 5  # in each tile; the whole list is a link away
FAILED_FOR = timedelta(hours=24)
FAILED = [Task.State.FAILED, Task.State.TIMED_OUT]


@home.tile("Running now", "fleet/_tile_running.html", FleetPermission.HISTORY_VIEW, order=10)
def running(request: MemberRequest) -> dict[str, Any]:
    """Both numbers stand beside each row, the running ones first: one statement for all of it."""
    is_running, is_queued = Q(state=Task.State.RUNNING), Q(state=Task.State.QUEUED)
    unfinished = Task.objects.unfinished().annotate(
        running=Window(Count("pk", filter=is_running)),
        queued=Window(Count("pk", filter=is_queued)),
    )
    rows = list(_newest(unfinished, Case(When(is_running, 0), default=1))[:ROWS])
    return {
        "running": rows[0].running if rows else 0,
        "queued": rows[0].queued if rows else 0,
        "tasks": [(task, meters_of(task)) for task in rows if task.state == Task.State.RUNNING],
    }


@home.tile("Failed, 24 hours", "fleet/_tile_failed.html", FleetPermission.HISTORY_VIEW, order=20)
def failed(request: MemberRequest) -> dict[str, Any]:
    since = timezone.now() - FAILED_FOR
    tasks = Task.objects.filter(state__in=FAILED, pk__gte=first_id_at(since))
    shown = list(_newest(tasks.annotate(total=Window(Count("pk"))))[:ROWS])
    return {"tasks": shown, "total": shown[0].total if shown else 0, "since": since}


@home.tile("Needs somebody", "fleet/_tile_needs.html", FleetPermission.AGENT_VIEW, order=30)
def needs(request: MemberRequest) -> dict[str, Any]:
    """Agents in error, and credentials that expire soon for those who may see their names."""
    columns = ("what", "pk", "name", "at", "reason")
    agents = Agent.objects.filter(state=Agent.State.ERROR)
    rows = (
        agents.annotate(
            what=Value("agent", CharField()),
            at=F("state_since"),
            reason=F("state_reason"),
        )
        .order_by("-state_since")
        .values_list(*columns)[:ROWS]
    )
    if request.membership.may(FleetPermission.CREDENTIAL_VIEW):
        expiring = Credential.objects.expiring().annotate(
            what=Value("credential", CharField()),
            at=F("expires_at"),
            reason=Value("", CharField()),
        )
        rows = rows.union(expiring.values_list(*columns)[:ROWS], all=True)
    now = timezone.now()
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    for one in found:
        one["is_past"] = one["at"] <= now
    return {"rows": found}


@home.tile(
    "Tasks and spend",
    "fleet/_tile_activity.html",
    FleetPermission.HISTORY_VIEW,
    order=40,
    is_wide=True,
)
def tasks_and_spend(request: MemberRequest) -> dict[str, Any] | None:
    found = activity()
    return None if found is None else {"activity": found}


@home.steps
def first_steps(request: MemberRequest) -> list[home.Step]:
    if not request.membership.may(FleetPermission.AGENT_VIEW):
        return []
    done = Workspace.objects.filter(pk=request.workspace.pk).values_list(
        Exists(Project.objects.active()),
        Exists(Credential.objects.usable()),
        Exists(Prompt.objects.active()),
        Exists(Agent.objects.all()),
    )[0]
    editors = "an owner, an admin or an operator"
    steps = [
        ("Create a project", "project", FleetPermission.PROJECT_EDIT, editors),
        (
            "Store a model's key",
            "credential",
            FleetPermission.CREDENTIAL_MANAGE,
            "an owner or an admin",
        ),
        ("Write a prompt", "prompt", FleetPermission.PROMPT_EDIT, editors),
        ("Create an agent", "agent", FleetPermission.AGENT_EDIT, editors),
    ]
    return [
        home.Step(label, is_done, *_way(request, f"fleet:{noun}-create", permission, who), order)
        for order, ((label, noun, permission, who), is_done) in enumerate(
            zip(steps, done, strict=True), start=1
        )
    ]


def _way(
    request: MemberRequest, url_name: str, permission: FleetPermission, who: str
) -> tuple[str, str]:
    """Return the address for those who may, else the words for who may."""
    if request.membership.may(permission):
        return reverse(url_name, args=[request.workspace.slug]), ""
    return "", who


def _newest(tasks: Any, *first: Any) -> Any:
    """Newest first, or by `first` before that; without the texts, which may be long."""
    related = tasks.select_related("agent", "conversation").defer("input", "output")
    return related.order_by(*first, "-pk")
