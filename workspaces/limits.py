"""What a workspace may have at most, and how much of that it has."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Count, IntegerField, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse

from workspaces import home
from workspaces.exports.actions import UNFINISHED_AT_ONCE
from workspaces.exports.models import Export
from workspaces.invitations.actions import MOST_OPEN
from workspaces.invitations.models import Invitation
from workspaces.meters import meter
from workspaces.models import Workspace
from workspaces.permissions import WorkspacePermission
from workspaces.requests import MemberRequest
from workspaces.tokens.actions import MOST_ACCOUNTS
from workspaces.tokens.models import ServiceAccount


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of the rows that `counted` returns; `permission` is needed to see how many."""

    label: str
    words: str
    most: int
    counted: Callable[[], QuerySet[Any]]
    permission: StrEnum
    page: str


LIMITS = [
    Limit(
        "Service accounts",
        "service accounts",
        MOST_ACCOUNTS,
        lambda: ServiceAccount.objects.all(),
        WorkspacePermission.SERVICE_ACCOUNT_MANAGE,
        "workspaces:service_account-list",
    ),
    Limit(
        "Invitations",
        "pending invitations",
        MOST_OPEN,
        lambda: Invitation.objects.open(),
        WorkspacePermission.MEMBER_MANAGE,
        "workspaces:invitation-list",
    ),
    Limit(
        "Exports",
        "exports under way",
        UNFINISHED_AT_ONCE,
        lambda: Export.objects.filter(state__in=[Export.State.QUEUED, Export.State.RUNNING]),
        WorkspacePermission.EXPORT_ALL,
        "workspaces:export-list",
    ),
]


@home.tile("Limits", "workspaces/_tile_limits.html", WorkspacePermission.WORKSPACE_VIEW, order=60)
def limits(request: MemberRequest) -> dict[str, Any] | None:
    """Those whose use the member may see, counted in one statement."""
    seen = [limit for limit in LIMITS if request.membership.may(limit.permission)]
    if not seen:
        return None
    this = Workspace.objects.filter(pk=request.workspace.pk)
    counts = this.values_list(*(_number(limit.counted()) for limit in seen))[0]
    return {
        "meters": [
            meter(
                limit.label,
                count,
                limit.most,
                f"{count} of {limit.most} {limit.words}",
                reverse(limit.page, args=[request.workspace.slug]),
            )
            for limit, count in zip(seen, counts, strict=True)
        ]
    }


def _number(rows: QuerySet[Any]) -> Coalesce:
    per_workspace = rows.order_by().values("workspace_id").annotate(number=Count("pk"))
    return Coalesce(Subquery(per_workspace.values("number"), output_field=IntegerField()), 0)
