from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed, person_of
from agenhood.api.forms import checked, locked, saved
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import saved_view as actions
from agenhood.fleet.forms.history import SavedViewForm
from agenhood.fleet.models import SavedView
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Saved views"])

NOBODYS = "Saved views belong to people: ask with a person's token."


class SavedViewOut(Schema):
    """`query` is what the history's page filters by, as a query string."""

    id: UUID
    name: str
    query: str


class SavedViewIn(Schema):
    name: str = Field(min_length=1, max_length=60)
    query: str = Field("", max_length=2000)


@router.get("", response={200: Listed[SavedViewOut]} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def list_saved_views(request: ApiRequest, cursor: Query[Cursor]) -> dict[str, Any]:
    """List the views of the history that the token's person has saved. Nobody else sees them."""
    return newest_first(_own(request), cursor)


@router.post("", response={201: SavedViewOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.HISTORY_VIEW)
def create_saved_view(request: ApiRequest, payload: SavedViewIn) -> Status[SavedView]:
    person = person_of(request, NOBODYS)
    form = checked(SavedViewForm(payload.dict()))
    saved(form, actions.save(form, person=person))
    return Status(201, form.instance)


@router.delete("/{uuid:savedview_id}", response={204: None} | WRITES)
@allowed(FleetPermission.HISTORY_VIEW)
def delete_saved_view(request: ApiRequest, savedview_id: UUID) -> Status[None]:
    actions.delete(locked(_own(request), savedview_id))
    return Status(204, None)


def _own(request: ApiRequest) -> QuerySet[SavedView]:
    return SavedView.objects.filter(person=person_of(request, NOBODYS))
