"""Named texts that agents work by: versions that never change, labels that move."""

from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned

validate_label = RegexValidator(
    r"^[a-z0-9]+(-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens."
)


class PromptQuerySet(ScopedQuerySet["Prompt"]):
    def active(self) -> "PromptQuerySet":
        return self.filter(archived_at=None)

    def archived(self) -> "PromptQuerySet":
        return self.exclude(archived_at=None)

    def named_like(self, words: str) -> "PromptQuerySet":
        """Keep prompts that have each word in their name or description, in any case and order."""
        found = self
        for word in words.split():
            found = found.filter(
                models.Q(name__icontains=word) | models.Q(description__icontains=word)
            )
        return found

    def with_counts(self) -> "PromptQuerySet":
        """Add `version_count`, and `agent_count` of the agents that are not archived."""
        # Versions are numbered from 1 without gaps: none is ever deleted alone.
        newest = (
            PromptVersion.objects.filter(prompt=models.OuterRef("pk"))
            .order_by("-number")
            .values("number")[:1]
        )
        agent: Any = apps.get_model("fleet", "Agent")
        using = (
            agent.objects.active()
            .filter(prompt=models.OuterRef("pk"))
            .order_by()
            .values("prompt")
            .annotate(number=models.Count("pk"))
            .values("number")
        )
        return self.annotate(
            version_count=Coalesce(models.Subquery(newest), 0),
            agent_count=Coalesce(models.Subquery(using), 0),
        )


class Prompt(WorkspaceOwned):
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[Any] = ScopedManager.from_queryset(PromptQuerySet)()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            UniquePerWorkspace(
                "name",
                violation_error_message="This workspace already has a prompt of that name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PromptVersion(WorkspaceOwned):
    """One text of a prompt, numbered from 1. It never changes: the database refuses it."""

    prompt = models.ForeignKey(
        Prompt, models.CASCADE, db_constraint=False, related_name="versions", editable=False
    )
    number = models.PositiveIntegerField(editable=False)
    text = models.TextField(max_length=100_000)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("prompt", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "prompt", "number"], name="fleet_promptversion_number"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"


class PromptLabel(WorkspaceOwned):
    """A name for one of a prompt's versions, which moves: "production", "draft", own ones.

    `earlier` has the numbers of the versions that it had before, the last one last: where rolling
    back leads, step by step. Who moved it is told by the audit trail.
    """

    PRODUCTION = "production"
    DRAFT = "draft"
    ALWAYS_THERE = (PRODUCTION, DRAFT)

    prompt = models.ForeignKey(
        Prompt, models.CASCADE, db_constraint=False, related_name="labels", editable=False
    )
    name = models.CharField(max_length=30, validators=[validate_label])
    version = models.ForeignKey(
        PromptVersion, models.PROTECT, db_constraint=False, related_name="labels"
    )
    earlier = models.JSONField(default=list, blank=True, editable=False)
    moved_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("prompt", on_delete="CASCADE"),
            SameWorkspace("version"),
            models.UniqueConstraint(
                fields=["workspace", "prompt", "name"],
                name="fleet_promptlabel_once",
                violation_error_message="This prompt already has that label.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
