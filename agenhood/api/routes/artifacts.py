from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import locked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.problems import Refused
from agenhood.api.replies import FILE, READS, WRITES
from agenhood.fleet.actions import artifact as actions
from agenhood.fleet.models import Artifact
from agenhood.fleet.permissions import FleetPermission
from workspaces.downloads import download, read
from workspaces.files import FileVanished, safe_name

router = Router(tags=["Artifacts"])


class ArtifactOut(Schema):
    """`path` is the agent's name for the file; `size` is in bytes."""

    id: UUID
    task_id: UUID
    path: str
    size: int
    sha256: str
    content_type: str
    created_at: datetime


@router.get("", response={200: Listed[ArtifactOut]} | READS)
@allowed(FleetPermission.ARTIFACT_VIEW)
def list_artifacts(
    request: ApiRequest, cursor: Query[Cursor], task: UUID | None = None, agent: UUID | None = None
) -> dict[str, Any]:
    artifacts = Artifact.objects.all()
    if task:
        artifacts = artifacts.filter(task_id=task)
    if agent:
        artifacts = artifacts.filter(task__agent_id=agent)
    return newest_first(artifacts, cursor)


@router.get("/{uuid:artifact_id}", response={200: ArtifactOut} | READS)
@allowed(FleetPermission.ARTIFACT_VIEW)
def get_artifact(request: ApiRequest, artifact_id: UUID) -> Artifact:
    return get_object_or_404(Artifact.objects, pk=artifact_id)


@router.get("/{uuid:artifact_id}/content", response=READS, openapi_extra=FILE)
@allowed(FleetPermission.ARTIFACT_VIEW)
def download_artifact(request: ApiRequest, artifact_id: UUID) -> HttpResponseBase:
    artifact = get_object_or_404(Artifact.objects, pk=artifact_id)
    try:
        file = actions.open_file(artifact)
    except FileVanished:
        raise Refused(404, "This artifact's file has vanished from the store.") from None
    name = safe_name(artifact.path, otherwise=f"artifact-{artifact.pk}")
    return download(read(file), name, size=artifact.size, close=file.close)


@router.delete("/{uuid:artifact_id}", response={204: None} | WRITES)
@allowed(FleetPermission.ARTIFACT_DELETE)
def delete_artifact(request: ApiRequest, artifact_id: UUID) -> Status[None]:
    actions.delete(locked(Artifact.objects, artifact_id))
    return Status(204, None)
