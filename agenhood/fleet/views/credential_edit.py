"""Storing credentials and giving them new values. No report of an error has what is typed here."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.htmx import is_partial
from agenhood.fleet.actions import credential as actions
from agenhood.fleet.actions.credential import CredentialRefused, EditConflict
from agenhood.fleet.forms.credential import (
    CredentialEditForm,
    CredentialForm,
    CredentialRotateForm,
)
from agenhood.fleet.forms.credential_kinds import KINDS
from agenhood.fleet.models import Credential
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.credential import find_credential, open_fields
from workspaces.permissions import requires
from workspaces.requests import MemberRequest


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(FleetPermission.CREDENTIAL_MANAGE)
def credential_create(request: MemberRequest) -> HttpResponse:
    """First the kind is chosen, by a link: what is asked for goes by it."""
    posted = request.method == "POST"
    kind = (request.POST if posted else request.GET).get("kind", "")
    if kind not in KINDS:
        kinds = [(Credential.Kind(kind), asks.what) for kind, asks in KINDS.items()]
        return render(
            request, "fleet/credential_kinds.html", {"kinds": kinds}, status=422 if posted else 200
        )
    form = CredentialForm(kind, *([request.POST, request.FILES] if posted else []))
    if posted and form.is_valid():
        try:
            credential = actions.create(
                name=form.cleaned_data["name"],
                kind=kind,
                fields=form.open_fields,
                secret=form.secret,
                expires_at=form.expires_at,
                by=request.user,
            )
            return redirect("fleet:credential-detail", request.workspace.slug, credential.pk)
        except CredentialRefused as refused:
            form.add_error("name", str(refused))
    template = "fleet/credential_create.html" + ("#form" if is_partial(request) else "")
    context = {"form": form, "kind": Credential.Kind(kind), "what": KINDS[kind].what}
    return render(request, template, context, status=422 if posted else 200)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.CREDENTIAL_MANAGE)
def credential_edit(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    credential = find_credential(credential_id)
    posted = request.method == "POST"
    form = CredentialEditForm(request.POST if posted else None, instance=credential)
    status = 422 if posted else 200
    context: dict[str, Any] = {}
    if form.is_valid():
        try:
            actions.change(
                credential,
                name=form.cleaned_data["name"],
                fields=form.open_fields,
                expires_at=form.expires_at,
                seen=form.cleaned_data["seen"],
            )
            return redirect("fleet:credential-detail", request.workspace.slug, credential.pk)
        except EditConflict as conflict:
            # What was typed stands beside what is stored; saving once more is a decision.
            stored, status = conflict.credential, 409
            typed = request.POST.copy()
            typed["seen"] = str(stored.edition)
            form = CredentialEditForm(typed, instance=find_credential(credential_id))
            context = {"stored": stored, "stored_fields": open_fields(stored)}
        except CredentialRefused as refused:
            status = 409
            form.add_error(None, str(refused))
    context |= {"credential": find_credential(credential_id), "form": form}
    return render(request, "fleet/credential_edit.html", context, status=status)


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(FleetPermission.CREDENTIAL_MANAGE)
def credential_rotate(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    credential = find_credential(credential_id)
    posted = request.method == "POST"
    form = CredentialRotateForm(
        *([request.POST, request.FILES] if posted else []), credential=credential
    )
    status, conflicting = 422 if posted else 200, False
    if posted and form.is_valid():
        try:
            actions.rotate(
                credential,
                secret=form.secret,
                by=request.user,
                seen=form.cleaned_data["seen"],
                expires_at=form.expires_at,
            )
            return redirect("fleet:credential-detail", request.workspace.slug, credential.pk)
        except EditConflict as conflict:
            status, credential = 409, conflict.credential
            form, conflicting = CredentialRotateForm(credential=credential), True
        except CredentialRefused as refused:
            status = 409
            form.add_error(None, str(refused))
    context = {
        "credential": credential,
        "form": form,
        "next_version": credential.current_version + 1,
        "conflicting": conflicting,
    }
    return render(request, "fleet/credential_rotate.html", context, status=status)
