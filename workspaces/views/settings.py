"""A workspace's settings: how it looks, and what it requires of its members."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from workspaces.appearance import change_appearance
from workspaces.forms import AppearanceForm
from workspaces.models import Workspace
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest
from workspaces.second_factor import (
    SecondFactorRefused,
    members_without,
    require_second_factor,
)
from workspaces.views.members import is_last_owner


@require_http_methods(["GET", "POST"])
@requires(WorkspacePermission.SETTINGS_EDIT)
def settings_general(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = AppearanceForm(request.POST if posted else None, initial=_appearance(request))
    if posted and form.is_valid():
        change_appearance(request.workspace, **form.cleaned_data)
        # Not by a message: those are in the session, which belongs to no workspace.
        url = reverse("workspaces:settings-general", args=[request.workspace.slug])
        return redirect(f"{url}?saved=yes")
    context = {
        "form": form,
        "saved": "saved" in request.GET and not posted,
        "without_count": members_without().count(),
        "last_owner": is_last_owner(request),
        "limits": Workspace.objects.get(pk=request.workspace.pk),
    }
    template = "workspaces/workspace_settings.html"
    return render(request, template, context, status=422 if posted else 200)


@require_http_methods(["GET", "POST"])
@requires(WorkspacePermission.SETTINGS_EDIT)
def settings_second_factor(request: MemberRequest) -> HttpResponse:
    """Say who would be kept out before it is required; `required` is posted as "yes" or "no"."""
    context: dict[str, Any] = {"error": ""}
    if request.method == "POST":
        wanted = request.POST.get("required")
        try:
            if wanted not in ("yes", "no"):
                raise SecondFactorRefused("Choose whether it is required.")
            require_second_factor(request.workspace, wanted == "yes", by=request.user)
        except SecondFactorRefused as refused:
            context["error"] = str(refused)
        else:
            return redirect("workspaces:settings-general", request.workspace.slug)
    context["without"] = list(members_without())
    template = "workspaces/workspace_settings_second_factor.html"
    return render(request, template, context, status=422 if context["error"] else 200)


def _appearance(request: MemberRequest) -> dict[str, str]:
    return {"name": request.workspace.name, "colour": request.workspace.colour}
