"""Managers and models speak before the database has to: the mistake has its own name."""

import pytest
from django.db import IntegrityError

from agenhood.fleet.models import Project
from tests.isolation.models_app.models import Folder, Note, Tag, Tagging
from tests.isolation.sides import make_sides
from tests.isolation.sql import refused
from workspaces.managers import WorkspaceMismatch
from workspaces.scope import NoActiveWorkspace


@pytest.fixture
def sides(db):
    return make_sides()


def test_a_new_row_is_of_the_active_workspace(sides):
    with sides.acme.scope:
        made = [
            Project.objects.create(name="made"),
            Project.objects.get_or_create(name="got")[0],
            Project.objects.update_or_create(name="updated")[0],
            *Project.objects.bulk_create([Project(name="bulk"), Project(name="more")]),
            Folder.objects.get(parent=None).children.create(name="inside"),
            Tag.objects.get().notes.create(text="tagged"),
        ]

    assert {row.workspace_id for row in made} == {sides.acme.workspace.pk}
    assert Tagging._meta.get_field("workspace").editable is False


def test_a_row_of_another_workspace_is_not_saved(sides):
    theirs = sides.globex

    with sides.acme.scope:
        for row in (theirs.project, Project(name="n", workspace=theirs.workspace)):
            with pytest.raises(WorkspaceMismatch, match="project is of another workspace"):
                row.save()
            with pytest.raises(WorkspaceMismatch):
                row.delete()
            with pytest.raises(WorkspaceMismatch):
                Project.objects.bulk_create([row])
            with pytest.raises(WorkspaceMismatch):
                row.full_clean()


def test_a_row_does_not_refer_to_one_of_another_workspace(sides):
    theirs = sides.globex

    with sides.acme.scope:
        with pytest.raises(WorkspaceMismatch, match="project is of another workspace"):
            Note.objects.create(text="n", project=theirs.project)
        with pytest.raises(WorkspaceMismatch, match="parent is of another workspace"):
            Folder(name="n", parent=theirs.folder).save()
        with refused(IntegrityError, "tagging_tag_workspace"):  # Django writes ids there
            Note.objects.get().tags.add(theirs.tag)
        note = Note.objects.get()
        note.folder = theirs.folder
        with pytest.raises(WorkspaceMismatch, match="folder is of another workspace"):
            note.save(update_fields=["folder"])


def test_a_rows_workspace_never_changes(sides):
    with sides.acme.scope:
        for change in (
            {"workspace": sides.globex.workspace},
            {"workspace_id": sides.globex.workspace.pk},
            {"workspace_id": sides.acme.workspace.pk},
        ):
            with pytest.raises(WorkspaceMismatch, match="never changes"):
                Project.objects.update(**change)
        project = Project.objects.get()
        project.workspace = sides.globex.workspace
        with pytest.raises(WorkspaceMismatch, match="never changes"):
            Project.objects.bulk_update([project], ["workspace"])


@pytest.mark.parametrize(
    "write",
    [
        lambda _: Project.objects.create(name="n"),
        lambda _: Project(name="n").save(),
        lambda _: Project.objects.bulk_create([Project(name="n")]),
        lambda _: Project.objects.update(name="n"),
        lambda _: Project.objects.get_or_create(name="n"),
        lambda _: Project.objects.all().delete(),
        lambda sides: sides.acme.project.save(),
        lambda sides: sides.acme.project.delete(),
        lambda sides: sides.acme.project.full_clean(),
        lambda sides: Project.objects.bulk_update([sides.acme.project], ["name"]),
    ],
)
def test_nothing_is_written_without_a_workspace(sides, write):
    with pytest.raises(NoActiveWorkspace):
        write(sides)
