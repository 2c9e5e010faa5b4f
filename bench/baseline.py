"""The project list as a multi-tenant application without our tenancy has it: filtered by hand.

The same template, paging, permission table, session and user. What is not there: the workspace
middleware, its transaction, the scope, and row security, which does not hold for the role that the
baseline connects as (agenhood_backup). Tables, indexes and rows are the very same.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import include, path

from agenhood.fleet.models import Project
from agenhood.fleet.models.project import ProjectQuerySet
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.permissions import FleetPermission
from agenhood.urls import urlpatterns as console
from workspaces.models import Membership

memberships: QuerySet[Membership] = QuerySet(Membership).select_related("workspace")
known: dict[str, Membership] = {}


def project_list(request: Any, slug: str) -> HttpResponse:
    membership = get_object_or_404(memberships, workspace__slug=slug, user=request.user)
    return _project_list(request, membership)


def project_list_without_lookup(request: Any, slug: str) -> HttpResponse:
    """The same in an application that does not even ask whether the person is a member."""
    if slug not in known:
        known[slug] = memberships.get(workspace__slug=slug, user=request.user)
    return _project_list(request, known[slug])


def _project_list(request: Any, membership: Membership) -> HttpResponse:
    request.membership, request.workspace = membership, membership.workspace
    if not membership.may(FleetPermission.PROJECT_VIEW):
        raise PermissionDenied
    archived = request.GET.get("state") == "archived"
    query = request.GET.get("q", "").replace("\0", "").strip()
    projects = ProjectQuerySet(Project).filter(workspace=membership.workspace)
    shown = projects.archived() if archived else projects.active()
    page = page_by_name(shown.named_like(query), request.GET)
    context = {
        "projects": page.rows,
        "query": query,
        "state": "archived" if archived else "active",
        "newer_url": page.previous,
        "older_url": page.next,
        "archived_count": projects.archived().count(),
    }
    return render(request, "fleet/project_list.html", context)


# Named as the console's own page is, so that the side navigation marks the same section.
pages = [
    path("by-hand/<str:slug>/", project_list, name="project-list"),
    path("no-lookup/<str:slug>/", project_list_without_lookup, name="project-list-no-lookup"),
]
urlpatterns = [path("", include((pages, "baseline"))), *console]
