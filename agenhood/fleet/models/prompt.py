"""Named texts that agents work by: versions that never change, labels that move."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

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
    """A name for one of a prompt's versions, which moves: "production", "draft", own ones."""

    PRODUCTION = "production"
    DRAFT = "draft"

    prompt = models.ForeignKey(
        Prompt, models.CASCADE, db_constraint=False, related_name="labels", editable=False
    )
    name = models.CharField(max_length=30, validators=[validate_label])
    version = models.ForeignKey(
        PromptVersion, models.PROTECT, db_constraint=False, related_name="labels"
    )

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
