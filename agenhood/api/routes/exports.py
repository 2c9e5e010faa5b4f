from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed, deny, person_of
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.problems import Problem, Refused
from agenhood.api.replies import FILE, IDEMPOTENT, READS, WRITES
from agenhood.fleet.forms.history import HistoryForm
from workspaces.audit.selection import AuditForm
from workspaces.exports import kind_of, start_export
from workspaces.exports.answer import answer_with_file
from workspaces.exports.models import LONGEST_QUERY, Export
from workspaces.files import FileVanished
from workspaces.permissions import WorkspacePermission

router = Router(tags=["Exports"])

NOBODYS = "Exports belong to people: ask with a person's token."


class ExportOut(Schema):
    """`state` is queued, running, ready, failed, refused or expired; the file is there while it is
    ready, until `expires_at`. `size` is in bytes."""

    id: UUID
    kind: str
    query: str
    format: str
    state: str
    error: str
    rows: int
    size: int
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class ExportIn(Schema):
    """`query` selects the rows: the query string of the history's or the audit trail's page."""

    kind: Literal["history", "audit"]
    format: Literal["ndjson", "csv"]
    query: str = Field("", max_length=LONGEST_QUERY)


@router.get("", response={200: Listed[ExportOut]} | READS)
@allowed(WorkspacePermission.EXPORT_OWN)
def list_exports(request: ApiRequest, cursor: Query[Cursor]) -> dict[str, Any]:
    """List the exports that the token's person has asked for."""
    return newest_first(Export.objects.filter(requested_by=person_of(request, NOBODYS)), cursor)


@router.post("", response={201: ExportOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(WorkspacePermission.EXPORT_OWN)
def request_export(request: ApiRequest, payload: ExportIn) -> Status[Export]:
    """Have rows written to a file, which takes a while: ask for the export until it is ready."""
    person_of(request, NOBODYS)
    _check(request, payload.kind)
    query = QueryDict(payload.query.replace("\0", ""))
    form: Any = HistoryForm(query) if payload.kind == "history" else AuditForm(query.dict())
    return Status(201, start_export(payload.kind, checked(form).lasting_query, payload.format))


@router.get("/{uuid:export_id}", response={200: ExportOut} | READS)
@allowed(WorkspacePermission.EXPORT_OWN)
def get_export(request: ApiRequest, export_id: UUID) -> Export:
    return _export(request, export_id)


@router.get(
    "/{uuid:export_id}/content",
    response=READS | {409: Problem, 410: Problem},
    openapi_extra=FILE,
)
@allowed(WorkspacePermission.EXPORT_OWN)
def download_export(request: ApiRequest, export_id: UUID) -> HttpResponseBase:
    """Download the file of an export that is ready: 409 before that, 410 afterwards."""
    export = _export(request, export_id)
    _check(request, export.kind)
    if request.holder.workspace.is_suspended:  # where it could not be put on the trail
        deny(request, "This workspace is suspended: nothing is exported from it.")
    if export.is_unfinished:
        raise Refused(409, "The file is still being written.")
    if not export.can_download:
        raise Refused(410, "There is no file, or it has expired: ask for the export again.")
    try:
        return answer_with_file(export, request.holder.workspace)
    except FileVanished:
        raise Refused(410, "The file has vanished from the store.") from None


def _export(request: ApiRequest, export_id: UUID) -> Export:
    """Return one of one's own, or anybody's for those who may see all. Raises Http404."""
    exports = Export.objects.all()
    if not request.holder.may(WorkspacePermission.EXPORT_ALL):
        exports = exports.filter(requested_by=person_of(request, NOBODYS))
    return get_object_or_404(exports, pk=export_id)


def _check(request: ApiRequest, kind: str) -> None:
    """Refuse a token that may not have the rows themselves."""
    known = kind_of(kind)
    if known is None:
        deny(request, f"Nothing of the kind {kind} is exported any more.")
    if not request.holder.may(known.permission):
        deny(request, f"This token needs {known.permission}.")
