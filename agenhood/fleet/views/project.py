"""Projects of a workspace."""

from typing import Any
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import project as actions
from agenhood.fleet.actions.project import ProjectRefused
from agenhood.fleet.agent_columns import columns_of
from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.models import Agent, Project
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.permissions import FleetPermission
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

AGENTS_SHOWN = 10  # on a project's page; the list of agents has them all


@require_safe
@requires(FleetPermission.PROJECT_VIEW)
def project_list(request: MemberRequest) -> HttpResponse:
    archived = request.GET.get("state") == "archived"
    query = request.GET.get("q", "").replace("\0", "").strip()
    projects = Project.objects.archived() if archived else Project.objects.active()
    page = page_by_name(projects.named_like(query), request.GET)
    context = {
        "projects": page.rows,
        "query": query,
        "state": "archived" if archived else "active",
        "newer_url": page.previous,
        "older_url": page.next,
        "archived_count": Project.objects.archived().count(),
    }
    template = "fleet/project_list.html" + ("#results" if is_partial(request) else "")
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROJECT_EDIT)
def project_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = ProjectForm(request.POST if posted else None)
    if posted and form.is_valid() and actions.create(form):
        return redirect("fleet:project-detail", request.workspace.slug, form.instance.pk)
    template = "fleet/project_create.html" + ("#form" if is_partial(request) else "")
    return render(request, template, {"form": form}, status=422 if posted else 200)


@require_safe
@requires(FleetPermission.PROJECT_VIEW)
def project_detail(request: MemberRequest, project_id: UUID) -> HttpResponse:
    return _project_page(request, _project(request, project_id))


def _project_page(
    request: MemberRequest, project: Project, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    agents = list(
        Agent.objects.active().filter(project=project).order_by(Lower("name"))[: AGENTS_SHOWN + 1]
    )
    columns = columns_of(agents[:AGENTS_SHOWN])
    context = {
        "project": project,
        "rows": [(agent, columns[agent.pk]) for agent in agents[:AGENTS_SHOWN]],
        "more_agents": len(agents) > AGENTS_SHOWN,
        "refusal": refusal,
    }
    return render(request, "fleet/project_detail.html", context, status=status)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROJECT_EDIT)
def project_rename(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = _project(request, project_id)
    posted = request.method == "POST"
    form = ProjectForm(request.POST if posted else None, instance=project)
    renamed = posted and form.is_valid() and actions.change(form)
    if renamed and not is_partial(request):
        return redirect("fleet:project-detail", request.workspace.slug, project.pk)
    if posted and not renamed:
        project.refresh_from_db()  # a ModelForm leaves the rejected name on its instance
    template = "fleet/project_rename.html" + ("#name-form" if is_partial(request) else "")
    context = {"project": project, "form": form, "renamed": renamed}
    return render(request, template, context, status=422 if posted and not renamed else 200)


@require_POST
@requires(FleetPermission.PROJECT_EDIT)
def project_archive(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = _project(request, project_id)
    try:
        actions.archive(project)
    except ProjectRefused as refused:
        return _project_page(request, project, refusal=str(refused), status=409)
    return redirect("fleet:project-detail", request.workspace.slug, project.pk)


@require_POST
@requires(FleetPermission.PROJECT_EDIT)
def project_restore(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = _project(request, project_id)
    actions.restore(project)
    return redirect("fleet:project-detail", request.workspace.slug, project.pk)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROJECT_EDIT)
def project_delete(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = _project(request, project_id)
    context: dict[str, Any] = {"project": project}
    if request.method != "POST":
        return render(request, "fleet/project_delete.html", context)
    try:
        actions.delete(project)
    except ProjectRefused as refused:
        context["error"] = str(refused)
        return render(request, "fleet/project_delete.html", context, status=422)
    return redirect("fleet:project-list", request.workspace.slug)


def _project(request: MemberRequest, project_id: UUID) -> Project:
    """Return the project; before it is changed, locked until the answer is made.

    Two changes at once are thus made one after the other, and a deleted project stays so.
    """
    reads = request.method in ("GET", "HEAD")
    projects = Project.objects if reads else Project.objects.select_for_update()
    return get_object_or_404(projects, pk=project_id)
