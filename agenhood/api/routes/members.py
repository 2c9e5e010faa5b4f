from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import READS
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission

router = Router(tags=["Members"])


class MemberOut(Schema):
    id: UUID
    role: str
    name: str
    email: str
    created_at: datetime

    @staticmethod
    def resolve_name(membership: Membership) -> str:
        return membership.user.name

    @staticmethod
    def resolve_email(membership: Membership) -> str:
        return membership.user.email


@router.get("", response={200: Listed[MemberOut]} | READS)
@allowed(WorkspacePermission.MEMBER_VIEW)
def list_members(request: ApiRequest, cursor: Query[Cursor]) -> dict[str, Any]:
    """List members, newest first. People are let in and out by people: see the members' page."""
    return newest_first(Membership.objects.select_related("user"), cursor)


@router.get("/{uuid:membership_id}", response={200: MemberOut} | READS)
@allowed(WorkspacePermission.MEMBER_VIEW)
def get_member(request: ApiRequest, membership_id: UUID) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), pk=membership_id)
