"""A group of agents."""

from typing import Any, ClassVar

from django.db import models

from workspaces.database.constraints import UniquePerWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned


class ProjectQuerySet(ScopedQuerySet["Project"]):
    def active(self) -> "ProjectQuerySet":
        return self.filter(archived_at=None)

    def archived(self) -> "ProjectQuerySet":
        return self.exclude(archived_at=None)

    def named_like(self, words: str) -> "ProjectQuerySet":
        """Keep projects whose name contains each of the words, in any case and order."""
        found = self
        for word in words.split():
            found = found.filter(name__icontains=word)
        return found


class Project(WorkspaceOwned):
    """A group of agents inside a workspace. Listed and searched by name.

    The list's columns stand in the unique index, so that PostgreSQL reads a workspace's projects
    from a few pages of it instead of from wherever in the table their rows lie.
    """

    name = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[Any] = ScopedManager.from_queryset(ProjectQuerySet)()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            UniquePerWorkspace(
                "name",
                include=["id", "name", "created_at", "archived_at"],
                violation_error_message="This workspace already has a project of that name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
