"""What becomes of workspaces' keys: wrapped anew when the master key changes, or destroyed."""

from uuid import UUID

from django.utils import timezone

from accounts import master_key
from accounts.master_key import CannotOpen
from workspaces.audit import record
from workspaces.models import Workspace
from workspaces.scope import platform_scope, workspace_scope
from workspaces.secrets.envelope import wrapping_context
from workspaces.secrets.models import WorkspaceKey


def rewrap_all() -> int:
    """Wrap each workspace's key by the first master key; return how many were not yet.

    A transaction for each workspace: the console goes on, and a run that was cut short is run
    again. Raises CannotOpen at the end, naming the workspaces whose keys do not open.
    """
    with platform_scope("wrap the workspaces' keys anew"):
        workspaces = dict(Workspace.objects.order_by("pk").values_list("pk", "slug"))
    written, failed = 0, []
    for workspace_id, slug in workspaces.items():
        try:
            written += _rewrap(workspace_id)
        except CannotOpen as error:
            failed.append(f"{slug}: {error}")
    if failed:
        raise CannotOpen("; ".join(failed))
    return written


def _rewrap(workspace_id: UUID) -> int:
    with workspace_scope(workspace_id):
        key = WorkspaceKey.objects.select_for_update().exclude(wrapped=None).first()
        if key is None:
            return 0
        wrapped = master_key.reseal(key.wrapped, wrapping_context(workspace_id))
        if wrapped == bytes(key.wrapped):
            return 0
        key.wrapped = wrapped
        key.save(update_fields=["wrapped"])
        record("key.rotate", key)
    return 1


def destroy_key() -> None:
    """Destroy the active workspace's key for good.

    What was sealed by it opens never again, and no new key is made: the row stays, without a key.
    """
    gone = {"wrapped": None, "destroyed_at": timezone.now()}
    # A row first, if there is none: a secret that is sealed at this moment waits, and is refused.
    WorkspaceKey.objects.bulk_create([WorkspaceKey(**gone)], ignore_conflicts=True)
    WorkspaceKey.objects.exclude(wrapped=None).update(**gone)
    record("key.destroy", WorkspaceKey.objects.get())
