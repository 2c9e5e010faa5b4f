"""What the platform does with workspaces. Each runs in the platform's scope."""

from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.provisioning import account_for
from workspaces.audit import record
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope


@dataclass(frozen=True, slots=True)
class Provisioned:
    workspace: Workspace
    owner: User
    owner_is_new: bool


def provision_workspace(workspace: Workspace, owner_email: str) -> Provisioned:
    """Save a new workspace with its owner, whose account is made if there is none.

    The caller has validated the workspace. Raises IntegrityError for a slug that was taken
    meanwhile, or an owner whose account is closed.
    """
    with platform_scope("provision a workspace"):
        owner, is_new = account_for(owner_email)
        workspace.save()
        Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
        changes = {"slug": (None, workspace.slug), "owner": (None, owner.email)}
        record("workspace.create", workspace, changes=changes)
        with connection.cursor() as cursor:
            # That it has an owner is checked here, where the error can be told, not at the commit.
            for when in ("IMMEDIATE", "DEFERRED"):
                cursor.execute(f"SET CONSTRAINTS new_workspace_has_owner {when}")
    return Provisioned(workspace, owner, is_new)


def suspend(workspace: Workspace, reason: str) -> None:
    """Make a workspace read-only from the next request on; `reason` is shown in it."""
    workspace.suspended_at = timezone.now()
    workspace.suspension_reason = reason
    with platform_scope("suspend a workspace"):
        workspace.save(update_fields=["suspended_at", "suspension_reason"])
        changes = {"suspended": (False, True)}
        record("workspace.suspend", workspace, changes=changes, reason=reason)


def resume(workspace: Workspace) -> None:
    workspace.suspended_at = None
    workspace.suspension_reason = ""
    with platform_scope("resume a workspace"):
        workspace.save(update_fields=["suspended_at", "suspension_reason"])
        record("workspace.reactivate", workspace, changes={"suspended": (True, False)})
