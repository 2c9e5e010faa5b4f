"""What the fleet shows on its workspace's home."""

from typing import Any

from django.urls import reverse

from agenhood.fleet.models import Project
from agenhood.fleet.permissions import FleetPermission
from workspaces.requests import MemberRequest
from workspaces.views.home import contribute

RECENT_PROJECTS = 5


@contribute
def projects(request: MemberRequest) -> dict[str, Any]:
    if not request.membership.may(FleetPermission.PROJECT_VIEW):
        return {}
    active = Project.objects.active()
    count = active.count()
    step = {
        "label": "Create a project",
        "done": count > 0,
        "url": reverse("fleet:project-create", args=[request.workspace.slug])
        if request.membership.may(FleetPermission.PROJECT_EDIT)
        else "",
    }
    return {
        "project_count": count,
        "archived_count": Project.objects.archived().count(),
        "recent_projects": list(active.order_by("-created_at")[:RECENT_PROJECTS]),
        "steps": [step],
    }
