"""Going somewhere by typing: pages, agents, prompts and projects of the workspace, and the person's
other workspaces. A page of links; as the dialog that Ctrl-K opens when htmx asks."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.htmx import is_partial
from agenhood.fleet.models import Agent, Project, Prompt
from agenhood.fleet.permissions import FleetPermission
from workspaces import sections
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest
from workspaces.views.picker import memberships_of

LONGEST_QUERY = 100
MOST_OF_A_KIND = 6


@dataclass(frozen=True, slots=True)
class Target:
    """Somewhere to go. `colour` and `initials` are a workspace's; others have an icon."""

    label: str
    url: str
    icon: str = ""
    detail: str = ""
    colour: str = ""
    initials: str = ""


@require_safe
@requires(WorkspacePermission.WORKSPACE_VIEW)
def palette(request: MemberRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_QUERY]
    section = request.GET.get("section", "")
    found = [("Pages", _pages(request, query))]
    if query:  # nothing but this workspace's own pages until somebody asks for more
        found += _things(request, query)
        found.append(("Other workspaces", _workspaces(request, query, section)))
    context = {
        "query": query,
        "section_asked": section,
        "groups": [(name, targets) for name, targets in found if targets],
        "is_dialog": is_partial(request),
    }
    template = "fleet/palette.html" + ("#results" if is_partial(request) else "")
    return render(request, template, context)


def _pages(request: MemberRequest, query: str) -> list[Target]:
    slug = request.workspace.slug
    pages = [
        Target(section.label, reverse(section.url_name, args=[slug]), section.icon)
        for section in sections.of_member(request.membership)
    ]
    pages.append(Target("Account", reverse("accounts:detail"), "user"))
    return [page for page in pages if _matches(query, page.label)]


def _things(request: MemberRequest, query: str) -> list[tuple[str, list[Target]]]:
    """What has the words in its name, of each kind that the member may see."""
    kinds: list[tuple[str, FleetPermission, QuerySet[Any], str, str]] = [
        (
            "Agents",
            FleetPermission.AGENT_VIEW,
            Agent.objects.named_like(query),
            "fleet:agent-detail",
            "agents",
        ),
        (
            "Prompts",
            FleetPermission.PROMPT_VIEW,
            Prompt.objects.named_like(query),
            "fleet:prompt-detail",
            "prompts",
        ),
        (
            "Projects",
            FleetPermission.PROJECT_VIEW,
            Project.objects.named_like(query),
            "fleet:project-detail",
            "projects",
        ),
    ]
    slug = request.workspace.slug
    return [
        (
            name,
            [
                Target(row.name, reverse(url_name, args=[slug, row.pk]), icon, _state(row))
                for row in _best_first(rows, query)[:MOST_OF_A_KIND]
            ],
        )
        for name, permission, rows, url_name, icon in kinds
        if request.membership.may(permission)
    ]


def _workspaces(request: MemberRequest, query: str, section: str) -> list[Target]:
    others = [
        membership
        for membership in memberships_of(request.user)
        if membership.workspace_id != request.workspace.pk
        and _matches(query, f"{membership.workspace.name} {membership.workspace.slug}")
    ]
    return [
        Target(
            membership.workspace.name,
            sections.landing_url(membership, section),
            detail=membership.get_role_display(),
            colour=membership.workspace.colour,
            initials=membership.workspace.initials,
        )
        for membership in others[:MOST_OF_A_KIND]
    ]


def _best_first(rows: QuerySet[Any], query: str) -> QuerySet[Any]:
    """Names that begin with what was typed come before those that only have it."""
    begins = Case(When(name__istartswith=query, then=Value(0)), default=Value(1))
    return rows.order_by(begins, Lower("name"))


def _state(row: Any) -> str:
    is_archived = row.state == Agent.State.ARCHIVED if isinstance(row, Agent) else row.archived_at
    return "Archived" if is_archived else ""


def _matches(query: str, text: str) -> bool:
    return all(word in text.lower() for word in query.lower().split())
