"""Where a person goes: their last workspace, or the list of all, which is also the picker."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.htmx import is_partial
from accounts.models import User
from accounts.requests import SignedInRequest
from workspaces import recents, sections
from workspaces.invitations.acceptance import own_invitations
from workspaces.models import Membership
from workspaces.scope import person_scope


@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    """Lead to the workspace used last if the person may still go there, else to the list."""
    memberships = own_memberships(request)
    active = recents.active_id(request.session)
    for membership in memberships:
        if str(membership.workspace_id) == active or len(memberships) == 1:
            return redirect(membership.workspace)
    return redirect("workspaces:list")


@require_safe
def workspace_list(request: SignedInRequest) -> HttpResponse:
    """All workspaces of the person as a page; as the header's picker when htmx asks."""
    memberships = own_memberships(request)
    invitations = [] if is_partial(request) else own_invitations(request.user)
    if not memberships and not is_partial(request):
        context: dict[str, Any] = {"contact": settings.CONTACT_EMAIL, "invitations": invitations}
        return _private(render(request, "workspaces/no_workspace.html", context))
    section = request.GET.get("section", "")
    query = request.GET.get("q", "").strip()
    current = _current(request)
    rows = {
        str(membership.workspace_id): {
            "workspace": membership.workspace,
            "role": membership.get_role_display(),
            "current": current in (str(membership.workspace_id), membership.workspace.slug),
            "url": sections.landing_url(membership, section),
        }
        for membership in memberships
        if query.lower() in membership.workspace.name.lower()
        or query.lower() in membership.workspace.slug
    }
    visited = [rows[key] for key in recents.recent_ids(request.session) if key in rows]
    context = {
        "query": query,
        "section": section,
        "current": request.GET.get("current", ""),
        "recent": [] if query else visited,
        "everything": list(rows.values()),
        "total": len(memberships),
        "invitations": invitations,
    }
    template = "workspaces/workspace_list.html" + ("#picker" if is_partial(request) else "")
    return _private(render(request, template, context))


def own_memberships(request: SignedInRequest) -> list[Membership]:
    """Return the person's memberships in all workspaces, by the workspace's name."""
    with person_scope(request.user.pk):
        return memberships_of(request.user)


def memberships_of(person: User) -> list[Membership]:
    """As `own_memberships`, in a scope that is the person's already: a workspace's is, too."""
    return list(
        Membership.objects.unscoped("a person's own memberships, across workspaces")
        .filter(user=person)
        .select_related("workspace")
        .order_by("workspace__name", "workspace_id")
    )


def _current(request: SignedInRequest) -> str:
    """Return the slug of the page that the picker was opened on, else the active workspace's id.

    The page first: another tab may have moved the session on. It only decides what is marked.
    """
    return request.GET.get("current", "") or recents.active_id(request.session)


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    response["Vary"] = "HX-Request"
    return response
