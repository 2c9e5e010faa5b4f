"""What the fleet shows on its workspace's home: what runs, what failed, what needs somebody."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Count, Exists, F, Q, Subquery, Value, When, Window
from django.urls import reverse
from django.utils import timezone

from agenhood.fleet.activity import activity
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.meters import meters_of
from agenhood.fleet.models import Agent, Approval, Credential, Project, Prompt, Task
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.workspace_limits import use, with_use
from workspaces import home
from workspaces.models import Workspace
from workspaces.requests import MemberRequest

ROWS = 5  # in each tile; the whole list is a link away
FAILED_FOR = timedelta(hours=24)
FAILED = [Task.State.FAILED, Task.State.TIMED_OUT]
NEEDING = ("what", "key", "name", "at", "reason")  # the columns of what needs somebody


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
    """What agents ask first, agents in error, and credentials that expire soon for those who may
    see their names. One statement."""
    may = request.membership.may
    can_answer = may(FleetPermission.TASK_RUN)
    kinds = [
        # Who may not answer is led to the task that waits.
        _needing(
            "approval",
            Approval.objects.filter(state=Approval.State.PENDING).order_by("pk"),
            key=F("pk") if can_answer else F("task_id"),
            name=F("task__agent__name"),
            at=F("created_at"),
            reason=F("tool"),
        ),
        _needing(
            "agent",
            Agent.objects.filter(state=Agent.State.ERROR).order_by("-state_since"),
            at=F("state_since"),
            reason=F("state_reason"),
        ),
    ]
    if may(FleetPermission.CREDENTIAL_VIEW):
        expiring = Credential.objects.expiring()
        kinds.append(
            _needing("credential", expiring, at=F("expires_at"), reason=Value("", CharField()))
        )
    rows = kinds[0].union(*kinds[1:], all=True)
    now = timezone.now()
    found = [dict(zip(NEEDING, row, strict=True)) for row in rows]
    for one in found:
        one["is_past"] = one["at"] <= now
    return {"rows": found, "can_answer": can_answer}


def _needing(what: str, rows: Any, **columns: Any) -> Any:
    """Return the first of these rows in the columns of the tile."""
    columns = {"key": F("pk"), "name": F("name")} | columns
    named = {f"shown_{name}": column for name, column in columns.items()}
    return rows.annotate(shown_what=Value(what, CharField()), **named).values_list(
        *(f"shown_{name}" for name in NEEDING)
    )[:ROWS]


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


@home.tile(
    "Limits of tasks", "fleet/_tile_task_limits.html", FleetPermission.HISTORY_VIEW, order=50
)
def task_limits(request: MemberRequest) -> dict[str, Any]:
    return {"use": use(_workspace(request))}


@home.steps
def first_steps(request: MemberRequest) -> list[home.Step]:
    if not request.membership.may(FleetPermission.AGENT_VIEW):
        return []
    workspace = _workspace(request)
    done = [getattr(workspace, f"has_{noun}") for noun in FIRST_STEPS]
    agent = workspace.newest_agent
    editors = "an owner, an admin or an operator"
    edit = FleetPermission
    steps: list[tuple[str, str, FleetPermission, str]] = [
        ("Create a project", "project-create", edit.PROJECT_EDIT, editors),
        (
            "Store a model's key",
            "credential-create",
            edit.CREDENTIAL_MANAGE,
            "an owner or an admin",
        ),
        ("Write a prompt", "prompt-create", edit.PROMPT_EDIT, editors),
        ("Create an agent", "agent-create", edit.AGENT_EDIT, editors),
        ("Give it a first task", "task-create" if agent else "", edit.TASK_RUN, editors),
    ]
    found = []
    for order, ((label, page, permission, who), is_done) in enumerate(
        zip(steps, done, strict=True), start=1
    ):
        named = [agent] if page == "task-create" else []
        url, by = _way(request, page, permission, who, *named)
        found.append(home.Step(label, is_done, url, by, order))
    return found


FIRST_STEPS = ("project", "credential", "prompt", "agent", "task")


def _workspace(request: Any) -> Any:
    """Return the workspace with what its limits and the first steps are told from: one statement
    for both, for as long as the request lasts."""
    if not hasattr(request, "workspace_on_home"):
        newest = Agent.objects.filter(state=Agent.State.RUNNING).order_by("-pk").values("pk")[:1]
        request.workspace_on_home = (
            with_use(Workspace.objects.filter(pk=request.workspace.pk))
            .annotate(
                has_project=Exists(Project.objects.active()),
                has_credential=Exists(Credential.objects.usable()),
                has_prompt=Exists(Prompt.objects.active()),
                has_agent=Exists(Agent.objects.all()),
                has_task=Exists(Task.objects.all()),
                newest_agent=Subquery(newest),
            )
            .get()
        )
    return request.workspace_on_home


def _way(
    request: MemberRequest, page: str, permission: FleetPermission, who: str, *named: UUID
) -> tuple[str, str]:
    """Return the address for those who may, else the words for who may. "" of no page is there
    for nobody yet."""
    if not request.membership.may(permission):
        return "", who
    args = [request.workspace.slug, *named]
    return reverse(f"fleet:{page}", args=args) if page else "", ""


def _newest(tasks: Any, *first: Any) -> Any:
    """Newest first, or by `first` before that; without the texts, which may be long."""
    related = tasks.select_related("agent", "conversation").defer("input", "output")
    return related.order_by(*first, "-pk")
