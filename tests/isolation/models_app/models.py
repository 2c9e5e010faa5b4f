"""What a workspace may own, in every shape that a leak is known to pass through.

A Note lies in a project and maybe in a folder; folders lie in folders; tags are given to notes
through a model of their own; a note can also be about anything at all.
"""

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models

from agenhood.fleet.models import Project
from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.models import WorkspaceOwned


class Folder(WorkspaceOwned):
    """Refers to itself. What lay in a deleted folder lies in none: Django sees to it."""

    name = models.CharField(max_length=60)
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, db_constraint=False, related_name="children"
    )

    class Meta(WorkspaceOwned.Meta):
        constraints = [*WorkspaceOwned.Meta.constraints, SameWorkspace("parent")]

    def __str__(self):
        return self.name


class Tag(WorkspaceOwned):
    name = models.CharField(max_length=60)

    class Meta(WorkspaceOwned.Meta):
        constraints = [*WorkspaceOwned.Meta.constraints, UniquePerWorkspace("name")]

    def __str__(self):
        return self.name


class Note(WorkspaceOwned):
    """Goes with its project, and stays without its folder: the database sees to it."""

    project = models.ForeignKey(
        Project, models.CASCADE, db_constraint=False, related_name="notes", null=True
    )
    folder = models.ForeignKey(
        Folder, models.DO_NOTHING, null=True, db_constraint=False, related_name="notes"
    )
    text = models.CharField(max_length=60)
    written_at = models.DateTimeField(auto_now_add=True)
    tags = models.ManyToManyField(Tag, through="Tagging", related_name="notes")
    subject_type = models.ForeignKey(ContentType, models.PROTECT, null=True)
    subject_key = models.CharField(max_length=36, blank=True)
    subject = GenericForeignKey("subject_type", "subject_key")

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("project", on_delete="CASCADE"),
            SameWorkspace("folder", on_delete="SET NULL"),
        ]

    def __str__(self):
        return self.text


class Tagging(WorkspaceOwned):
    note = models.ForeignKey(Note, models.CASCADE, db_constraint=False)
    tag = models.ForeignKey(Tag, models.CASCADE, db_constraint=False)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("note", on_delete="CASCADE"),
            SameWorkspace("tag", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "note", "tag"], name="isolation_models_tagging_once"
            ),
        ]

    def __str__(self):
        return f"{self.note_id} {self.tag_id}"
