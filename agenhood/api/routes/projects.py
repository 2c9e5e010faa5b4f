from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked, locked, saved
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import project as actions
from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.models import Project
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Projects"])


class ProjectOut(Schema):
    id: UUID
    name: str
    created_at: datetime
    archived_at: datetime | None


class ProjectIn(Schema):
    name: str = Field(min_length=1, max_length=60)


@router.get("", response={200: Listed[ProjectOut]} | READS)
@allowed(FleetPermission.PROJECT_VIEW)
def list_projects(
    request: ApiRequest, cursor: Query[Cursor], archived: bool = False
) -> dict[str, Any]:
    projects = Project.objects.archived() if archived else Project.objects.active()
    return newest_first(projects, cursor)


@router.post("", response={201: ProjectOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.PROJECT_EDIT)
def create_project(request: ApiRequest, payload: ProjectIn) -> Status[Project]:
    form = checked(ProjectForm(payload.dict()))
    saved(form, actions.create(form))
    return Status(201, form.instance)


@router.get("/{uuid:project_id}", response={200: ProjectOut} | READS)
@allowed(FleetPermission.PROJECT_VIEW)
def get_project(request: ApiRequest, project_id: UUID) -> Project:
    return get_object_or_404(Project.objects, pk=project_id)


@router.patch("/{uuid:project_id}", response={200: ProjectOut} | WRITES)
@allowed(FleetPermission.PROJECT_EDIT)
def change_project(request: ApiRequest, project_id: UUID, payload: ProjectIn) -> Project:
    project = locked(Project.objects, project_id)
    form = checked(ProjectForm(payload.dict(), instance=project))
    saved(form, actions.change(form))
    return project


@router.post("/{uuid:project_id}/archive", response={200: ProjectOut} | WRITES)
@allowed(FleetPermission.PROJECT_EDIT)
def archive_project(request: ApiRequest, project_id: UUID) -> Project:
    project = locked(Project.objects, project_id)
    actions.archive(project)
    return project


@router.post("/{uuid:project_id}/restore", response={200: ProjectOut} | WRITES)
@allowed(FleetPermission.PROJECT_EDIT)
def restore_project(request: ApiRequest, project_id: UUID) -> Project:
    project = locked(Project.objects, project_id)
    actions.restore(project)
    return project


@router.delete("/{uuid:project_id}", response={204: None} | WRITES)
@allowed(FleetPermission.PROJECT_EDIT)
def delete_project(request: ApiRequest, project_id: UUID) -> Status[None]:
    actions.delete(locked(Project.objects, project_id))
    return Status(204, None)
