"""Secrets of a workspace: written once, never shown again."""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned

# How long before a credential expires its people are warned.
WARNING = timedelta(days=7)


class CredentialQuerySet(ScopedQuerySet["Credential"]):
    def usable(self) -> "CredentialQuerySet":
        return self.filter(revoked_at=None)

    def revoked(self) -> "CredentialQuerySet":
        return self.exclude(revoked_at=None)

    def expiring(self) -> "CredentialQuerySet":
        """Keep what expires within the warning, or has: the most urgent first."""
        return self.usable().filter(expires_at__lte=timezone.now() + WARNING).order_by("expires_at")

    def with_current(self) -> "CredentialQuerySet":
        """Add `last_four` and `rotated_at`, of the version in use, and `agent_count`, of those that
        are not archived."""
        from agenhood.fleet.models.agent import Agent, CredentialGrant

        current = CredentialVersion.objects.filter(
            credential=models.OuterRef("pk"), number=models.OuterRef("current_version")
        )
        granted = CredentialGrant.objects.filter(
            credential=models.OuterRef(models.OuterRef("pk"))
        ).values("agent")
        users = (
            Agent.objects.active()
            .filter(models.Q(provider_credential=models.OuterRef("pk")) | models.Q(pk__in=granted))
            .order_by()
            .values("workspace")
            .annotate(number=models.Count("pk"))
            .values("number")
        )
        return self.annotate(
            last_four=models.Subquery(current.values("last_four")[:1]),
            rotated_at=models.Subquery(current.values("created_at")[:1]),
            agent_count=Coalesce(models.Subquery(users), 0),
        )

    def named_like(self, words: str) -> "CredentialQuerySet":
        """Keep credentials whose name contains each of the words, in any case and order."""
        found = self
        for word in words.split():
            found = found.filter(name__icontains=word)
        return found


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
    # Counts changes of all but the value, so that one made on an old page is noticed.
    edition = models.PositiveIntegerField(default=1, editable=False)
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

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def expires_soon(self) -> bool:
        """Whether it expires within the warning, and has not yet."""
        return (
            self.expires_at is not None
            and not self.is_expired
            and self.expires_at <= timezone.now() + WARNING
        )


class CredentialVersion(WorkspaceOwned):
    """One value of a credential. A running task keeps the version that it started with.

    A value that nothing needs any more is forgotten: the row stays, without it. Its fingerprint
    stays too, so that a revoked value is noticed when somebody stores it again.
    """

    credential = models.ForeignKey(
        Credential, models.CASCADE, db_constraint=False, related_name="versions", editable=False
    )
    number = models.PositiveIntegerField(editable=False)
    sealed = models.BinaryField(null=True, editable=False)
    forgotten_at = models.DateTimeField(null=True, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)
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
            models.CheckConstraint(
                condition=models.Q(sealed=None, forgotten_at__isnull=False)
                | models.Q(sealed__isnull=False, forgotten_at=None),
                name="fleet_credentialversion_gone_iff_forgotten",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "fingerprint"], name="fleet_credential_fingerprint"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"
