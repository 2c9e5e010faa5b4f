"""What a write of one workspace can do to another one: nothing, whichever way it is made."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.utils import DatabaseError, IntegrityError, ProgrammingError

from accounts.models import User
from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.models import Project
from tests.isolation.models_app.models import Folder, Note, Tag, Tagging
from tests.isolation.sides import Side, Sides
from tests.isolation.sql import refused, rows, run
from workspaces.managers import WorkspaceMismatch
from workspaces.models import Membership, Workspace
from workspaces.scope import platform_scope

REFUSED = (WorkspaceMismatch, DatabaseError)


def content(side: Side) -> dict[str, list[Any]]:
    """Return all that a side holds, to compare it before and after."""
    with side.scope:
        rows = {
            model.__name__: sorted(model.objects.values_list(), key=str)
            for model in (Project, Folder, Note, Tag, Tagging, Membership)
        }
        return rows | {"Workspace": list(Workspace.objects.filter(pk=side.workspace.pk).values())}


# Each is done in acme, to globex. A return value is the number of rows it says it touched.
WRITES: dict[str, Callable[[Sides], Any]] = {
    "save a row in hand": lambda s: s.globex.note.save(),
    "save with another's key": lambda s: Note(pk=s.globex.note.pk, text="taken").save(),
    "save with another's key, forced": lambda s: Note(pk=s.globex.note.pk, text="taken").save(
        force_update=True
    ),
    "save with another's workspace": lambda s: Note(
        workspace=s.globex.workspace, text="put"
    ).save(),
    "create in another workspace": lambda s: Note.objects.create(
        workspace_id=s.globex.workspace.pk, text="put"
    ),
    "bulk_create in another workspace": lambda s: Note.objects.bulk_create(
        [Note(workspace=s.globex.workspace, text="put")]
    ),
    "bulk_create over another's row": lambda s: Note.objects.bulk_create(
        [Note(pk=s.globex.note.pk, text="taken")],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["text"],
    ),
    "bulk_create over a row of one's own, as if": lambda s: Note.objects.bulk_create(
        [Note(pk=s.globex.note.pk, text="taken")],
        update_conflicts=True,
        unique_fields=["workspace", "id"],
        update_fields=["text"],
    ),
    "bulk_update": lambda s: Note.objects.bulk_update([s.globex.note], ["text"]),
    "update by key": lambda s: Note.objects.filter(pk=s.globex.note.pk).update(text="taken"),
    "update through a join": lambda _s: Note.objects.filter(folder__name="globex").update(
        text="taken"
    ),
    "update_or_create by key": lambda s: Note.objects.update_or_create(
        pk=s.globex.note.pk, defaults={"text": "taken"}
    ),
    "get_or_create by key": lambda s: Note.objects.get_or_create(
        pk=s.globex.note.pk, defaults={"text": "taken"}
    ),
    "delete a row in hand": lambda s: s.globex.note.delete(),
    "delete by key": lambda s: Note.objects.filter(pk=s.globex.note.pk).delete()[0],
    "delete what cascades": lambda s: s.globex.project.delete(),
    "delete past the manager": lambda s: Note.objects.filter(pk=s.globex.note.pk)._raw_delete(
        "default"
    ),
    "move a row out": lambda s: Note.objects.update(workspace=s.globex.workspace),
    "move a row out by its id": lambda s: Note.objects.update(workspace_id=s.globex.workspace.pk),
    "move a row in": lambda s: Note.objects.filter(pk=s.globex.note.pk).update(
        workspace_id=s.acme.workspace.pk
    ),
    "refer to another's row": lambda s: Note.objects.create(text="", project=s.globex.project),
    "refer to another's row by id": lambda s: Note.objects.create(
        text="", project_id=s.globex.project.pk
    ),
    "refer in an update": lambda s: Note.objects.update(folder=s.globex.folder),
    "refer to oneself across": lambda s: Folder.objects.create(name="", parent=s.globex.folder),
    "many-to-many add": lambda s: s.acme.note.tags.add(s.globex.tag),
    "many-to-many set": lambda s: s.acme.note.tags.set([s.globex.tag]),
    "many-to-many, backwards": lambda s: s.globex.tag.notes.add(s.acme.note),
    "many-to-many clear": lambda s: s.globex.note.tags.clear(),
    "backwards add": lambda s: s.globex.project.notes.add(s.acme.note, bulk=False),
    "backwards create": lambda s: s.globex.project.notes.create(text="put"),
    "change a membership": lambda s: Membership.objects.filter(pk=s.globex.member.pk).update(
        role="viewer"
    ),
    "delete a membership": lambda s: Membership.objects.filter(pk=s.globex.member.pk).delete()[0],
}
# Control tables, which no manager guards: the database alone.
CONTROL_WRITES: dict[str, Callable[[Sides], Any]] = {
    "rename a workspace": lambda s: Workspace.objects.filter(pk=s.globex.workspace.pk).update(
        name="taken"
    ),
    "suspend a workspace": lambda _s: Workspace.objects.update(suspended_at="2026-01-01T00:00Z"),
    "delete a workspace": lambda s: Workspace.objects.filter(pk=s.globex.workspace.pk).delete(),
    "join a workspace": lambda s: Membership.objects.create(
        workspace=s.globex.workspace, user=s.acme.member.user, role="owner"
    ),
    "close an account": lambda _s: User.objects.filter(name="globex").update(is_active=False),
    "change a password": lambda _s: User.objects.filter(name="globex").update(password="!"),
    "make oneself staff": lambda _s: User.objects.update(is_staff=True),
    "make an account": lambda _s: User.objects.create(email="put@globex.test"),
}
NOTHING = (0, None, (0, {}))


@pytest.mark.parametrize("name", WRITES)
def test_a_write_reaches_its_own_workspace_only(layers: Sides, name: str) -> None:
    """Vectors 3, 4, 5, 6, 7: every way to write, with each layer by itself."""
    before = content(layers.globex)

    with layers.acme.scope:
        try:
            with transaction.atomic():
                touched = WRITES[name](layers)
        except REFUSED:
            touched = 0
        assert touched in NOTHING

    assert content(layers.globex) == before


@pytest.mark.parametrize("name", CONTROL_WRITES)
def test_a_write_to_people_and_workspaces_reaches_ones_own_only(sides: Sides, name: str) -> None:
    """Vectors 5, 24: no right in one workspace has an effect outside it."""
    with platform_scope("test"):
        before = [list(model.objects.order_by("pk").values()) for model in (Workspace, User)]

    with sides.acme.scope:
        try:
            with transaction.atomic():
                touched = CONTROL_WRITES[name](sides)
        except REFUSED:
            touched = 0
        assert touched in NOTHING

    with platform_scope("test"):
        after = [list(model.objects.order_by("pk").values()) for model in (Workspace, User)]
        assert after == before
        assert not Membership.objects.filter(user=sides.acme.member.user).exclude(
            workspace=sides.acme.workspace
        )


@pytest.mark.parametrize("name", WRITES)
def test_a_write_without_a_workspace_is_refused(sides: Sides, name: str) -> None:
    """Vector 10."""
    before = content(sides.globex)

    with refused((LookupError, *REFUSED)):
        assert not WRITES[name](sides)
        raise LookupError  # it touched nothing, as rows out of reach are none

    assert content(sides.globex) == before


def test_a_new_row_is_the_active_workspaces(layers: Sides) -> None:
    """Creating fills the workspace in, whichever way."""
    with layers.acme.scope:
        made = [
            Note.objects.create(text="one"),
            Note.objects.bulk_create([Note(text="two")])[0],
            Note.objects.get_or_create(text="three")[0],
            Note.objects.update_or_create(text="four")[0],
        ]
        saved = Note(text="five")
        saved.save()

    assert {note.workspace_id for note in [*made, saved]} == {layers.acme.workspace.pk}


SQL = {
    "insert": "INSERT INTO isolation_models_tag (id, workspace_id, name)"
    " VALUES (gen_random_uuid(), %(theirs)s, 'put')",
    "insert from a select": "INSERT INTO isolation_models_tag (id, workspace_id, name)"
    " SELECT gen_random_uuid(), %(theirs)s, name FROM isolation_models_tag",
    "move out": "UPDATE isolation_models_tag SET workspace_id = %(theirs)s",
    "merge": "MERGE INTO isolation_models_tag USING (SELECT 1) AS one ON false"
    " WHEN NOT MATCHED THEN INSERT (id, workspace_id, name)"
    " VALUES (gen_random_uuid(), %(theirs)s, 'put')",
    "copy": "INSERT INTO isolation_models_tag SELECT * FROM isolation_models_tag"
    " ON CONFLICT (id) DO UPDATE SET workspace_id = %(theirs)s",
}


@pytest.mark.parametrize("name", SQL)
def test_sql_cannot_write_into_another_workspace(sides: Sides, name: str) -> None:
    """Vectors 6, 12: WITH CHECK and the trigger, under SQL that means harm."""
    before = content(sides.globex)

    with sides.acme.scope, refused((ProgrammingError, IntegrityError)):
        run(SQL[name], {"theirs": sides.globex.workspace.pk})

    assert content(sides.globex) == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE isolation_models_note SET text = 'taken' WHERE id = %(note)s",
        "DELETE FROM isolation_models_note WHERE id = %(note)s",
        "DELETE FROM isolation_models_note WHERE text = 'globex' OR true = false",
        "UPDATE fleet_project SET name = 'taken' WHERE workspace_id <> workspaces.current_id()",
        "DELETE FROM workspaces_membership WHERE workspace_id = %(theirs)s",
        "UPDATE workspaces_workspace SET name = 'taken' WHERE id = %(theirs)s",
    ],
)
def test_sql_touches_no_row_of_another_workspace(sides: Sides, sql: str) -> None:
    """Vector 12."""
    before = content(sides.globex)

    with sides.acme.scope:
        named = {"note": sides.globex.note.pk, "theirs": sides.globex.workspace.pk}
        assert run(sql, named) == 0

    assert content(sides.globex) == before


@pytest.mark.parametrize("theirs", ["globex", "nobody"])
def test_a_name_in_use_elsewhere_is_free_here(layers: Sides, theirs: str) -> None:
    """Vector 14: uniqueness tells nothing of another workspace, taken there or not."""
    with layers.acme.scope:
        assert Tag.objects.get_or_create(name=theirs)[1]
        assert Project.objects.create(name=theirs).pk
        form = ProjectForm({"name": f"{theirs} two"})
        assert form.is_valid(), form.errors


def test_a_name_in_use_here_is_an_error_at_its_field(layers: Sides) -> None:
    """Vector 15: though the form has no field "workspace"."""
    with layers.acme.scope:
        form = ProjectForm({"name": "ACME"})
        assert form.errors == {"name": ["This workspace already has a project of that name."]}
        again = ProjectForm({"name": "Acme"}, instance=layers.acme.project)
        assert again.is_valid(), again.errors


@pytest.mark.parametrize("field", ["workspace", "workspace_id", "id", "pk"])
def test_a_form_takes_no_workspace_from_the_request(layers: Sides, field: str) -> None:
    """Vector 16."""
    foreign = {"id": layers.globex.project.pk, "pk": layers.globex.project.pk}
    posted = {"name": "new", field: foreign.get(field, layers.globex.workspace.pk)}

    with layers.acme.scope:
        form = ProjectForm(posted)
        assert form.is_valid()
        made = form.save()

    assert made.workspace_id == layers.acme.workspace.pk
    assert made.pk != layers.globex.project.pk


def test_a_full_clean_refuses_another_workspaces_row(layers: Sides) -> None:
    """Vector 3: validation asks the scoped manager whether the row exists."""
    with layers.acme.scope:
        note = Note(text="x", project_id=layers.globex.project.pk)
        with pytest.raises(Exception, match="is not a valid choice"):
            note.full_clean(exclude=["folder", "subject_type", "subject_key"])


def test_cascades_and_set_null_stay_inside(database_layers: Sides) -> None:
    """Vector 7: the database's own actions run past row security, along composite keys only."""
    acme, globex = database_layers.acme, database_layers.globex
    before = content(globex)

    with acme.scope:
        run("DELETE FROM isolation_models_folder WHERE parent_id IS NOT NULL")
        run("DELETE FROM isolation_models_folder")
        note = Note.objects.get()
        assert (note.folder_id, note.workspace_id) == (None, acme.workspace.pk)
        run("DELETE FROM fleet_project")
        assert rows("SELECT count(*) FROM isolation_models_note") == [0]

    assert content(globex) == before
