"""A workspace's data key, and the instance's proof that it was given the right master key."""

from typing import Any, ClassVar

from django.db import models

from workspaces.database.constraints import WorkspaceIsolation
from workspaces.managers import ScopedManager
from workspaces.models import WorkspaceOwned


class WorkspaceKey(WorkspaceOwned):
    """The key that seals a workspace's secrets, wrapped by the master key; made on first use.

    A destroyed one stays as a row without a key: no new one takes its place.
    """

    wrapped = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    destroyed_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            WorkspaceIsolation(),
            models.UniqueConstraint(fields=["workspace"], name="workspaces_workspacekey_once"),
            models.CheckConstraint(
                condition=models.Q(wrapped=None, destroyed_at__isnull=False)
                | models.Q(wrapped__isnull=False, destroyed_at=None),
                name="workspaces_workspacekey_gone_iff_destroyed",
            ),
        ]

    def __str__(self) -> str:
        return "the workspace's key"


class MasterKeyCheck(models.Model):
    """A known text sealed by a master key, numbered from 1. The newest must open at each start.

    The instance's, no workspace's. The console reads and adds rows outside workspaces, and can
    neither change nor remove one.
    """

    number = models.PositiveIntegerField(primary_key=True)
    sealed = models.BinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"check {self.number}"
