"""Credentials of a workspace: what is known of them, and who uses them. Never their values."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import credential as actions
from agenhood.fleet.actions.credential import CredentialInUse
from agenhood.fleet.forms.credential_kinds import WAYS
from agenhood.fleet.models import Credential
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from workspaces.paging import page_by_name
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

MOST_NAMED = 25  # agents, tasks or versions on one page
LABELS = {"base_url": "Base URL", "host": "Host", "user": "User", "file_name": "File name"}


@require_safe
@requires(FleetPermission.CREDENTIAL_VIEW)
def credential_list(request: MemberRequest) -> HttpResponse:
    revoked = request.GET.get("state") == "revoked"
    query = request.GET.get("q", "").replace("\0", "").strip()
    kind = request.GET.get("kind", "")
    found = Credential.objects.revoked() if revoked else Credential.objects.usable()
    if kind in Credential.Kind.values:
        found = found.filter(kind=kind)
    else:
        kind = ""
    rows = found.named_like(query).with_current().select_related("last_used_by")
    page = page_by_name(rows, request.GET)
    context = {
        "credentials": page.rows,
        "query": query,
        "kind": kind,
        "kinds": Credential.Kind.choices,
        "state": "revoked" if revoked else "active",
        "newer_url": page.previous,
        "older_url": page.next,
        "revoked_count": Credential.objects.revoked().count(),
    }
    template = "fleet/credential_list.html" + ("#results" if is_partial(request) else "")
    return render(request, template, context)


@require_safe
@requires(FleetPermission.CREDENTIAL_VIEW)
def credential_detail(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    rows = Credential.objects.with_current().select_related("last_used_by__agent")
    credential = get_object_or_404(rows, pk=credential_id)
    versions = list(credential.versions.defer("sealed").order_by("-number")[:MOST_NAMED])
    people = creators([credential, *versions])
    context = {
        "credential": credential,
        "open_fields": open_fields(credential),
        "creator": people[credential.created_by_id],
        "versions": [(version, people[version.created_by_id]) for version in versions],
        **uses(request, credential),
    }
    return render(request, "fleet/credential_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.CREDENTIAL_MANAGE)
def credential_revoke(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    credential = find_credential(credential_id)
    if request.method == "POST":
        actions.revoke(credential)
        return redirect("fleet:credential-detail", request.workspace.slug, credential.pk)
    context = {"credential": credential, **uses(request, credential)}
    return render(request, "fleet/credential_revoke.html", context)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.CREDENTIAL_MANAGE)
def credential_delete(request: MemberRequest, credential_id: UUID) -> HttpResponse:
    credential = find_credential(credential_id)
    refusal = ""
    if request.method == "POST":
        try:
            actions.delete(credential)
            return redirect("fleet:credential-list", request.workspace.slug)
        except CredentialInUse as refused:
            refusal = str(refused)
    context = {
        "credential": credential,
        "refusal": refusal,
        "agents": actions.agents_holding(credential)[:MOST_NAMED],
    }
    return render(request, "fleet/credential_delete.html", context, status=409 if refusal else 200)


def find_credential(credential_id: UUID) -> Credential:
    """Return the credential, unlocked: actions lock what they change. Raises Http404."""
    credential: Credential = get_object_or_404(Credential.objects, pk=credential_id)
    return credential


def open_fields(credential: Credential) -> list[tuple[str, str]]:
    """Return what stands beside the secret, as (label, value)."""
    known = [(LABELS[name], value) for name, value in credential.fields.items() if name in LABELS]
    if way := credential.fields.get("auth"):
        known.append(("Signs in by", dict(WAYS).get(way, way)))
    return known


def uses(request: MemberRequest, credential: Credential) -> dict[str, Any]:
    """Return the agents and running tasks that use it, for those who may see agents."""
    if not request.membership.may(FleetPermission.AGENT_VIEW):
        return {}
    agents, tasks = actions.agents_using(credential), actions.tasks_using(credential)
    return {
        "agents": agents[:MOST_NAMED],
        "more_agents": max(0, len(agents) - MOST_NAMED),
        "tasks": tasks[:MOST_NAMED],
        "more_tasks": max(0, len(tasks) - MOST_NAMED),
    }
