"""A workspace's first page."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest

Contribution = Callable[[MemberRequest], dict[str, Any]]
_contributions: list[Contribution] = []


def contribute(contribution: Contribution) -> Contribution:
    """Let an app add to the page's context. What several give under one key, lists, is joined."""
    _contributions.append(contribution)
    return contribution


@require_safe
@requires(WorkspacePermission.WORKSPACE_VIEW)
def workspace_home(request: MemberRequest) -> HttpResponse:
    context: dict[str, Any] = {"member_count": Membership.objects.count(), "steps": []}
    for contribution in _contributions:
        added = contribution(request)
        context["steps"] += added.pop("steps", [])
        context |= added
    if request.membership.may(WorkspacePermission.MEMBER_VIEW):
        context["steps"].append(
            {
                "label": "Have a second member",
                "done": context["member_count"] > 1,
                "url": reverse("workspaces:member-list", args=[request.workspace.slug]),
            }
        )
    return render(request, "workspaces/workspace_home.html", context)
