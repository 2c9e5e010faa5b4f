"""Agents of a workspace: the list, each one's page, and its state."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as actions
from agenhood.fleet.actions.agent import AgentRefused
from agenhood.fleet.agent_columns import columns_of
from agenhood.fleet.forms.task import TaskForm
from agenhood.fleet.models import Agent, Project, Task
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.permissions import FleetPermission
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

RECENT_TASKS = 8
PROJECTS_OFFERED = 200
STATES = {"running": "Running", "paused": "Paused", "error": "In error", "archived": "Archived"}


BULK = {"pause": actions.pause_many, "resume": actions.resume_many}
COUNTS = ("moved", "already", "in_error", "left")
OUTCOME = ("did", *COUNTS)  # what the list is told by the query string after a bulk action


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def agent_list(request: MemberRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()
    state = request.GET.get("state", "")
    project = as_id(request.GET.get("project"))
    agents = Agent.objects.named_like(query).select_related("project")
    agents = agents.filter(state=state) if state in STATES else agents.active()
    if project:
        agents = agents.filter(project=project)
    filters = request.GET.copy()
    did, *counts = (filters.pop(name, [""])[-1] for name in OUTCOME)
    page = page_by_name(agents, filters)
    columns = columns_of(page.rows)
    context = {
        "rows": [(agent, columns[agent.pk]) for agent in page.rows],
        "query": query,
        "state": state if state in STATES else "",
        "states": STATES,
        "project": str(project or ""),
        "projects": Project.objects.active().order_by(Lower("name"))[:PROJECTS_OFFERED],
        "newer_url": page.previous,
        "older_url": page.next,
        "here": filters.urlencode(),
        "did": did if did in BULK else "",
        "outcome": _outcome(counts),
    }
    template = "fleet/agent_list.html" + ("#results" if is_partial(request) else "")
    return render(request, template, context)


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def agent_detail(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    return agent_page(request, agent_id)


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def agent_configuration(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    agent = find_agent(request, agent_id)
    document = configuration.of_agent(agent)
    shown = configuration.lines(document, names_credentials=sees_credentials(request))
    context = {"agent": agent, "sections": in_sections(shown), "tab": "configuration"}
    return render(request, "fleet/agent_configuration.html", context)


@require_POST
@requires(FleetPermission.AGENT_EDIT)
def agent_pause(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    return _move(request, agent_id, actions.pause)


@require_POST
@requires(FleetPermission.AGENT_EDIT)
def agent_resume(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    return _move(request, agent_id, actions.resume)


@require_POST
@requires(FleetPermission.AGENT_EDIT)
def agent_archive(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    return _move(request, agent_id, actions.archive)


@require_POST
@requires(FleetPermission.AGENT_EDIT)
def agent_restore(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    return _move(request, agent_id, actions.restore)


@require_POST
@requires(FleetPermission.AGENT_EDIT)
def agent_bulk(request: MemberRequest) -> HttpResponse:
    """Pause or resume the agents that were ticked in the list, which then says what came of it."""
    verb = request.POST.get("action", "")
    back = QueryDict(request.POST.get("here", ""), mutable=True)
    ids = {pk for pk in map(as_id, request.POST.getlist("agent")) if pk}
    if verb in BULK and ids:
        agents = list(Agent.objects.filter(pk__in=ids))
        found = asdict(BULK[verb](agents))
        back.update({"did": verb} | {name: str(found[name]) for name in COUNTS})
    elif verb in BULK:
        back["did"] = verb
    address = reverse("fleet:agent-list", args=[request.workspace.slug])
    return redirect(f"{address}?{back.urlencode()}")


def agent_page(
    request: MemberRequest, agent_id: UUID, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    """Answer with the agent's own page, and with why something was refused."""
    agent = find_agent(request, agent_id)
    grants = agent.grants.select_related("credential").order_by("variable")
    context = {
        "agent": agent,
        "tab": "overview",
        "refusal": refusal,
        "columns": columns_of([agent])[agent.pk],
        "tasks": _recent_tasks(agent),
        "grants": grants,
        "secrets": agent.secrets.order_by("variable"),
        "tools": configuration.tool_lines({"tools": agent.tools}),
        "limits": configuration.limit_lines(
            {name: getattr(agent, name) for name in configuration.LIMITS}
        ),
        "sees_credentials": sees_credentials(request),
        "needs": (needs := configuration.needs(agent, grants)),
        "form": TaskForm() if _takes_tasks(request, agent, needs) else None,
    }
    return render(request, "fleet/agent_detail.html", context, status=status)


def find_agent(request: MemberRequest, agent_id: UUID) -> Agent:
    agents = Agent.objects.select_related(
        "project", "provider_credential", "prompt", "prompt_label__version", "prompt_version"
    ).defer("prompt_label__version__text", "prompt_version__text")
    found: Agent = get_object_or_404(agents, pk=agent_id)
    return found


def sees_credentials(request: MemberRequest) -> bool:
    return request.membership.may(FleetPermission.CREDENTIAL_VIEW)


def in_sections(lines: list[Any]) -> dict[str, list[Any]]:
    """Group the lines of a configuration by their section."""
    sections: dict[str, list[Any]] = {}
    for line in lines:
        sections.setdefault(line.section, []).append(line)
    return sections


def history_url(request: MemberRequest, **facets: Any) -> str:
    return reverse("fleet:task-list", args=[request.workspace.slug]) + "?" + urlencode(facets)


def as_id(text: Any) -> UUID | None:
    """Return the UUID that somebody sent, or None for anything else."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _outcome(counts: list[str]) -> dict[str, int] | None:
    """Return what the query string says came of a bulk action; None where it says nothing."""
    numbers = [int(text) if text.isdecimal() and len(text) < 6 else None for text in counts]
    if numbers[0] is None:
        return None
    return {name: number or 0 for name, number in zip(COUNTS, numbers, strict=True)}


def _move(request: MemberRequest, agent_id: UUID, move: Any) -> HttpResponse:
    agent = get_object_or_404(Agent.objects, pk=agent_id)
    try:
        move(agent)
    except AgentRefused as refused:
        return agent_page(request, agent_id, refusal=str(refused), status=409)
    return redirect("fleet:agent-detail", request.workspace.slug, agent_id)


def _takes_tasks(request: MemberRequest, agent: Agent, needs: list[str]) -> bool:
    if request.workspace.is_suspended or not request.membership.may(FleetPermission.TASK_RUN):
        return False
    return agent.state == Agent.State.RUNNING and not needs


def _recent_tasks(agent: Agent) -> Any:
    return (
        Task.objects.filter(agent=agent)
        .select_related("conversation")
        .defer("input", "output")
        .order_by("-pk")[:RECENT_TASKS]
    )
