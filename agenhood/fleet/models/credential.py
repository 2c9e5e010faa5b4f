"""Secrets of a workspace: written once, never shown again."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned


class CredentialQuerySet(ScopedQuerySet["Credential"]):
    def usable(self) -> "CredentialQuerySet":
        return self.filter(revoked_at=None)


class Credential(WorkspaceOwned):
    """What is known of a secret: everything but its value, which its versions hold, sealed."""

    class Kind(models.TextChoices):
        ANTHROPIC = "anthropic", "Anthropic"
        OPENAI = "openai", "OpenAI-compatible"
        GIT = "git", "Git"
        TOKEN = "token", "Token"
        PASSWORD = "password", "User and password"
        FILE = "file", "File"

    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind)
    # What a kind has beside its secret: a base URL, a user's or a file's name. Shown on pages.
    fields = models.JSONField(default=dict, editable=False)
    current_version = models.PositiveIntegerField(default=1, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_by = models.ForeignKey(
        "fleet.Task",
        models.DO_NOTHING,
        null=True,
        editable=False,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )

    objects: ClassVar[Any] = ScopedManager.from_queryset(CredentialQuerySet)()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("last_used_by", on_delete="SET NULL"),
            UniquePerWorkspace(
                "name",
                violation_error_message="This workspace already has a credential of that name.",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=["anthropic", "openai", "git", "token", "password", "file"]
                ),
                name="fleet_credential_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CredentialVersion(WorkspaceOwned):
    """One value of a credential. A running task keeps the version that it started with."""

    credential = models.ForeignKey(
        Credential, models.CASCADE, db_constraint=False, related_name="versions", editable=False
    )
    number = models.PositiveIntegerField(editable=False)
    sealed = models.BinaryField(editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("credential", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "credential", "number"], name="fleet_credentialversion_number"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "fingerprint"], name="fleet_credential_fingerprint"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"
