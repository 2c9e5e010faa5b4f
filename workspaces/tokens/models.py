"""What programs sign in with, and the accounts of programs that belong to nobody in particular."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned
from workspaces.roles import Role


class ServiceAccount(WorkspaceOwned):
    """A program's place in a workspace: it has a role, and stays when its maker leaves.

    What it makes is entered under `created_by`, the person who answers for it; the audit trail
    names the account itself.
    """

    ROLES = [role for role in Role if role != Role.OWNER]

    name = models.CharField(max_length=60)
    role = models.CharField(
        max_length=8, choices=[(role.value, role.label) for role in ROLES], default=Role.VIEWER
    )
    disabled_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            UniquePerWorkspace(
                "name",
                violation_error_message="This workspace already has an account of that name.",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["admin", "operator", "viewer", "auditor"]),
                name="workspaces_serviceaccount_role",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TokenQuerySet(ScopedQuerySet["Token"]):
    def live(self) -> "TokenQuerySet":
        """Keep those that neither were revoked nor have expired; what else they need, their owner
        has or has not."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, revoked_at=None)

    def ended(self) -> "TokenQuerySet":
        return self.exclude(pk__in=self.live().values("pk"))

    def of_people(self) -> "TokenQuerySet":
        return self.exclude(membership=None)


class Token(WorkspaceOwned):
    """A member's or a service account's token: what it may at most, and until when.

    It dies with the membership, in the database. Who holds it may what the owner's role may *now*,
    of that what `scopes` names: workspaces/tokens/scope.py.
    """

    name = models.CharField(max_length=60)
    membership = models.ForeignKey(
        "workspaces.Membership",
        models.DO_NOTHING,
        null=True,
        editable=False,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    service_account = models.ForeignKey(
        ServiceAccount,
        models.DO_NOTHING,
        null=True,
        editable=False,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)  # SHA-256 of the text
    scopes = models.JSONField(default=list, editable=False)  # names of permissions
    expires_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    # Of a person's token that person; a membership that was handed to another one has none.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = ScopedManager.from_queryset(TokenQuerySet)()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("membership", on_delete="CASCADE"),
            SameWorkspace("service_account", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "digest"], name="workspaces_token_digest_once"
            ),
            models.CheckConstraint(
                condition=Q(membership=None) ^ Q(service_account=None),
                name="workspaces_token_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(membership=None) | Q(expires_at__isnull=False),
                name="workspaces_token_of_a_person_expires",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "membership"], name="workspaces_token_member"),
            models.Index(fields=["workspace", "service_account"], name="workspaces_token_account"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_label(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and not self.is_expired
