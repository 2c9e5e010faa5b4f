"""A workspace's first page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from workspaces import home, limits  # noqa: F401 - limits adds its tile
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest


@require_safe
@requires(WorkspacePermission.WORKSPACE_VIEW)
def workspace_home(request: MemberRequest) -> HttpResponse:
    return render(request, "workspaces/workspace_home.html", {"tiles": home.show(request)})


@home.steps
def invite(request: MemberRequest) -> list[home.Step]:
    if not request.membership.may(WorkspacePermission.MEMBER_VIEW):
        return []
    may_invite = request.membership.may(WorkspacePermission.MEMBER_MANAGE)
    address = reverse("workspaces:member-list", args=[request.workspace.slug])
    has_others = Membership.objects.exclude(pk=request.membership.pk).exists()
    who = "" if may_invite else "an owner or an admin"
    step = home.Step("Invite a second member", has_others, address if may_invite else "", who, 50)
    return [step]
