"""Projects of a workspace."""

from datetime import datetime
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.models import Project
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.permissions import FleetPermission
from workspaces.forms import save_or_refuse
from workspaces.permissions import requires
from workspaces.requests import MemberRequest


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
    if posted and form.is_valid() and save_or_refuse(form):
        return redirect("fleet:project-detail", request.workspace.slug, form.instance.pk)
    template = "fleet/project_create.html" + ("#form" if is_partial(request) else "")
    return render(request, template, {"form": form}, status=422 if posted else 200)


@require_safe
@requires(FleetPermission.PROJECT_VIEW)
def project_detail(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = _project(request, project_id)
    return render(request, "fleet/project_detail.html", {"project": project})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROJECT_EDIT)
def project_rename(request: MemberRequest, project_id: UUID) -> HttpResponse:
    project = _project(request, project_id)
    posted = request.method == "POST"
    form = ProjectForm(request.POST if posted else None, instance=project)
    renamed = posted and form.is_valid() and save_or_refuse(form)
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
    return _set_archived(request, project_id, timezone.now())


@require_POST
@requires(FleetPermission.PROJECT_EDIT)
def project_restore(request: MemberRequest, project_id: UUID) -> HttpResponse:
    return _set_archived(request, project_id, None)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROJECT_EDIT)
def project_delete(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Delete a project. It has nothing in it yet, so there is nothing else to lose."""
    project = _project(request, project_id)
    if request.method == "POST":
        project.delete()
        return redirect("fleet:project-list", request.workspace.slug)
    return render(request, "fleet/project_delete.html", {"project": project})


def _project(request: MemberRequest, project_id: UUID) -> Project:
    """Return the project; before it is changed, locked until the answer is made.

    Two changes at once are thus made one after the other, and a deleted project stays so.
    """
    reads = request.method in ("GET", "HEAD")
    projects = Project.objects if reads else Project.objects.select_for_update()
    return get_object_or_404(projects, pk=project_id)


def _set_archived(request: MemberRequest, project_id: UUID, at: datetime | None) -> HttpResponse:
    project = _project(request, project_id)
    if bool(project.archived_at) != bool(at):
        project.archived_at = at
        project.save(update_fields=["archived_at"])
    return redirect("fleet:project-detail", request.workspace.slug, project.pk)
