"""Who did what in a workspace, and who was refused."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.htmx import is_partial
from workspaces.audit.models import AuditEntry
from workspaces.audit.selection import AuditForm, used
from workspaces.exports import ExportRefused, start_export
from workspaces.paging import page_by_number
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest


@require_safe
@requires(WorkspacePermission.AUDIT_VIEW)
def audit_list(request: MemberRequest) -> HttpResponse:
    form = AuditForm(request.GET.dict())
    valid = form.is_valid()
    context: dict[str, Any] = {"form": form, "is_valid": valid}
    if valid:
        page = page_by_number(form.entries(), request.GET)
        context |= {
            "entries": page.rows,
            "newer_url": page.previous,
            "older_url": page.next,
            "query": form.query,
            "takes_whole_names": form.takes_whole_names,
        }
    template = "workspaces/audit_list.html"
    if is_partial(request):
        template += "#results"
    else:
        context |= {
            "actions": _with(form["action"].value(), used("action")),
            "actors": used("actor_label"),
            "outcomes": AuditEntry.Outcome.choices,
        }
    return render(request, template, context, status=200 if valid else 422)


@require_POST
@requires(WorkspacePermission.AUDIT_EXPORT)
def audit_export(request: MemberRequest) -> HttpResponse:
    """Have the entries of a query string written to a file; the exports' page shows when it is."""
    query = QueryDict(request.POST.get("query", "").replace("\0", ""))
    form = AuditForm(query.dict())
    asked = form.query if form.is_valid() else ""
    try:
        if not form.is_valid():
            raise ExportRefused("These filters select nothing.")
        start_export("audit", form.lasting_query, request.POST.get("format", ""))
    except ExportRefused as refused:
        messages.error(request, str(refused))
        address = reverse("workspaces:audit-list", args=[request.workspace.slug])
        return redirect(f"{address}?{asked}" if asked else address)
    return redirect("workspaces:export-list", request.workspace.slug)


def _with(chosen: str | None, offered: list[str]) -> list[str]:
    return [chosen, *offered] if chosen and chosen not in offered else offered
