"""The tabs above everything that may enter a workspace: people, invitations, programs, tokens."""

from dataclasses import dataclass

from django.urls import reverse

from workspaces.invitations.models import Invitation
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission
from workspaces.requests import MemberRequest
from workspaces.tokens.models import ServiceAccount, Token


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    count: int
    current: bool


def member_tabs(request: MemberRequest) -> list[Tab]:
    """Return the tabs that the member may open."""
    mine = request.membership
    tabs = [
        ("member", "Members", WorkspacePermission.MEMBER_VIEW, Membership.objects.all()),
        (
            "invitation",
            "Pending",
            WorkspacePermission.MEMBER_MANAGE,
            Invitation.objects.unsettled(),
        ),
        (
            "service_account",
            "Service accounts",
            WorkspacePermission.SERVICE_ACCOUNT_MANAGE,
            ServiceAccount.objects.all(),
        ),
        (
            "token",
            "Your tokens",
            WorkspacePermission.TOKEN_OWN,
            Token.objects.live().filter(membership=mine, created_by=mine.user_id),
        ),
    ]
    match = request.resolver_match
    here = match.view_name.rpartition(":")[2] if match else ""
    return [
        Tab(
            label,
            reverse(f"workspaces:{noun}-list", args=[request.workspace.slug]),
            found.count(),
            here.startswith(f"{noun}-"),
        )
        for noun, label, permission, found in tabs
        if mine.may(permission)
    ]
