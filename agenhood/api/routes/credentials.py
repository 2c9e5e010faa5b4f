from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.views.decorators.debug import sensitive_variables
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import credential as actions
from agenhood.fleet.forms.credential import (
    CredentialEditForm,
    CredentialForm,
    CredentialRotateForm,
    last_day,
)
from agenhood.fleet.models import Credential
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Credentials"])

Kind = Literal["anthropic", "openai", "git", "token", "password", "file"]
Values = dict[str, str]


class CredentialIn(Schema):
    """`fields` is what the kind has in the open (a base URL, a user's name), `secret` its value by
    the name of the page's input (`api_key`, `token`, `password`, …). No answer ever holds it."""

    kind: Kind
    name: str = Field(min_length=1, max_length=60)
    fields: Values = {}
    secret: Values = Field({}, repr=False)
    expires_on: date | None = None
    store_again: bool = Field(False, description="though the workspace has this value already")


class CredentialChange(Schema):
    name: str | None = Field(None, min_length=1, max_length=60)
    fields: Values = {}
    expires_on: date | None = None


class Rotation(Schema):
    secret: Values = Field(repr=False)
    expires_on: date | None = None
    store_again: bool = False


class CredentialOut(Schema):
    """Who may not manage credentials is told their names and what becomes of them, no more."""

    id: UUID
    name: str
    kind: Kind
    fields: dict[str, Any]
    current_version: int
    last_four: str
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    last_used_at: datetime | None

    @staticmethod
    def resolve_fields(credential: Credential, context: Any) -> dict[str, Any]:
        return credential.fields if _manages(context["request"]) else {}

    @staticmethod
    def resolve_last_four(credential: Credential, context: Any) -> str:
        if not _manages(context["request"]):
            return ""
        current = [v for v in credential.versions.all() if v.number == credential.current_version]
        return current[0].last_four if current else ""


@router.get("", response={200: Listed[CredentialOut]} | READS)
@allowed(FleetPermission.CREDENTIAL_VIEW)
def list_credentials(request: ApiRequest, cursor: Query[Cursor]) -> dict[str, Any]:
    return newest_first(_credentials(), cursor)


@router.post("", response={201: CredentialOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.CREDENTIAL_MANAGE)
@sensitive_variables()
def create_credential(request: ApiRequest, payload: CredentialIn) -> Status[Credential]:
    data = payload.fields | payload.secret
    data |= payload.dict(include={"kind", "name", "expires_on", "store_again"})
    form = checked(CredentialForm(payload.kind, data))
    credential = actions.create(
        name=form.cleaned_data["name"],
        kind=payload.kind,
        fields=form.open_fields,
        secret=form.secret,
        expires_at=form.expires_at,
        by=request.person,
    )
    return Status(201, _credential(credential.pk))


@router.get("/{uuid:credential_id}", response={200: CredentialOut} | READS)
@allowed(FleetPermission.CREDENTIAL_VIEW)
def get_credential(request: ApiRequest, credential_id: UUID) -> Credential:
    return _credential(credential_id)


@router.patch("/{uuid:credential_id}", response={200: CredentialOut} | WRITES)
@allowed(FleetPermission.CREDENTIAL_MANAGE)
def change_credential(
    request: ApiRequest, credential_id: UUID, payload: CredentialChange
) -> Credential:
    credential = _credential(credential_id)
    seen = credential.edition
    sent = payload.dict(exclude_unset=True)
    fields = sent.pop("fields", {})
    now = {"name": credential.name, "expires_on": last_day(credential)}
    data = credential.fields | now | sent | fields | {"seen": seen}
    form = checked(CredentialEditForm(data, instance=credential))
    actions.change(
        credential,
        name=form.cleaned_data["name"],
        fields=form.open_fields,
        expires_at=form.expires_at,
        seen=seen,
    )
    return _credential(credential_id)


@router.post("/{uuid:credential_id}/rotate", response={200: CredentialOut} | WRITES)
@allowed(FleetPermission.CREDENTIAL_MANAGE)
@sensitive_variables()
def rotate_credential(request: ApiRequest, credential_id: UUID, payload: Rotation) -> Credential:
    """Give it a new value. Tasks that run keep the one that they began with."""
    credential = _credential(credential_id)
    seen = credential.current_version
    data = payload.secret | payload.dict(include={"expires_on", "store_again"}) | {"seen": seen}
    form = checked(CredentialRotateForm(data, credential=credential))
    actions.rotate(
        credential, secret=form.secret, by=request.person, seen=seen, expires_at=form.expires_at
    )
    return _credential(credential_id)


@router.post("/{uuid:credential_id}/revoke", response={200: CredentialOut} | WRITES)
@allowed(FleetPermission.CREDENTIAL_MANAGE)
def revoke_credential(request: ApiRequest, credential_id: UUID) -> Credential:
    """Forget its values for good. What uses it stops working."""
    actions.revoke(_credential(credential_id))
    return _credential(credential_id)


@router.delete("/{uuid:credential_id}", response={204: None} | WRITES)
@allowed(FleetPermission.CREDENTIAL_MANAGE)
def delete_credential(request: ApiRequest, credential_id: UUID) -> Status[None]:
    actions.delete(_credential(credential_id))
    return Status(204, None)


def _manages(request: ApiRequest) -> bool:
    return request.holder.may(FleetPermission.CREDENTIAL_MANAGE)


def _credentials() -> Any:
    return Credential.objects.prefetch_related("versions")


def _credential(credential_id: UUID) -> Credential:
    return get_object_or_404(_credentials(), pk=credential_id)
