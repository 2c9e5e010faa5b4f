"""An agent's configuration over time: its revisions, what differs between two, and going back."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as actions
from agenhood.fleet.actions.agent import AgentRefused, NotRestorable
from agenhood.fleet.models import AgentRevision
from agenhood.fleet.paging import page_by_number
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.agent import find_agent, in_sections, sees_credentials
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

MAX_NUMBER_LENGTH = 9


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def revision_list(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    agent = find_agent(request, agent_id)
    revisions = agent.revisions.defer("configuration")
    page = page_by_number(revisions, request.GET)
    authors = creators(page.rows)
    context = {
        "agent": agent,
        "tab": "revisions",
        "rows": [(revision, authors[revision.created_by_id]) for revision in page.rows],
        "newer_url": page.previous,
        "older_url": page.next,
    }
    return render(request, "fleet/agent_revision_list.html", context)


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def revision_detail(request: MemberRequest, agent_id: UUID, number: int) -> HttpResponse:
    return _revision_page(request, agent_id, number)


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def revision_diff(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    """Compare two revisions; without both, the newest with the one before it."""
    agent = find_agent(request, agent_id)
    after = _number(request.GET.get("after"), agent.revision)
    before = _number(request.GET.get("before"), max(after - 1, 1))
    found = {
        number: get_object_or_404(agent.revisions, number=number) for number in {before, after}
    }
    context = {
        "agent": agent,
        "tab": "revisions",
        "before": found[before],
        "after": found[after],
        "differences": _differences(request, found[before], found[after]),
        "numbers": agent.revisions.order_by("-number").values_list("number", flat=True)[:100],
    }
    return render(request, "fleet/agent_revision_diff.html", context)


@require_POST
@requires(FleetPermission.AGENT_EDIT)
def revision_restore(request: MemberRequest, agent_id: UUID, number: int) -> HttpResponse:
    agent = find_agent(request, agent_id)
    revision = get_object_or_404(agent.revisions.defer("configuration"), number=number)
    try:
        made = actions.restore_revision(agent, revision.number, by=request.user)
    except NotRestorable as refused:
        return _revision_page(request, agent_id, number, reasons=refused.reasons, status=409)
    except AgentRefused as refused:
        return _revision_page(request, agent_id, number, reasons=[str(refused)], status=409)
    number = agent.revision if made is None else made.number
    return redirect("fleet:agent-revision-detail", request.workspace.slug, agent.pk, number)


def _revision_page(
    request: MemberRequest,
    agent_id: UUID,
    number: int,
    *,
    reasons: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    agent = find_agent(request, agent_id)
    revision = get_object_or_404(agent.revisions, number=number)
    before = agent.revisions.filter(number=number - 1).first()
    lines = configuration.lines(revision.configuration, names_credentials=sees_credentials(request))
    context = {
        "agent": agent,
        "tab": "revisions",
        "revision": revision,
        "author": creators([revision])[revision.created_by_id],
        "sections": in_sections(lines),
        "before": before,
        "differences": _differences(request, before, revision) if before else [],
        "reasons": reasons or [],
    }
    return render(request, "fleet/agent_revision_detail.html", context, status=status)


def _differences(
    request: MemberRequest, before: AgentRevision, after: AgentRevision
) -> list[configuration.Difference]:
    return configuration.differences(
        before.configuration,
        after.configuration,
        names_credentials=sees_credentials(request),
    )


def _number(text: str | None, otherwise: int) -> int:
    is_number = text and text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER_LENGTH
    return int(text) if text and is_number else otherwise
