"""What a query of one workspace can see of another one: nothing, whichever way it asks."""

from collections.abc import Callable
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Exists, F, Max, OuterRef, Prefetch, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.utils import DataError, ProgrammingError

from accounts.models import User
from agenhood.fleet.models import Project
from tests.isolation.models_app.models import Folder, Note, Tag, Tagging
from tests.isolation.sides import Sides, make_sides
from tests.isolation.sql import refused, rows, run
from workspaces.models import Membership, Workspace, WorkspaceOwned
from workspaces.scope import NoActiveWorkspace, workspace_scope

RAW = "SELECT * FROM isolation_models_note"

# Each asks for all that there is, and is given what acme has: one of everything, named so.
READS: dict[str, tuple[Callable[[], Any], Any]] = {
    "all": (lambda: [str(n) for n in Note.objects.all()], ["acme"]),
    "filter": (lambda: [str(n) for n in Note.objects.filter(text__gt="")], ["acme"]),
    "exclude": (lambda: [str(n) for n in Note.objects.exclude(text="acme")], []),
    "exclude a subquery": (
        lambda: [str(n) for n in Note.objects.exclude(pk__in=Note.objects.values("pk"))],
        [],
    ),
    "Q": (lambda: [str(n) for n in Note.objects.filter(Q(text="") | ~Q(text=""))], ["acme"]),
    "count": (lambda: Note.objects.count(), 1),
    "exists": (lambda: Note.objects.filter(text="globex").exists(), False),
    "first": (lambda: str(Note.objects.order_by("-text").first()), "acme"),
    "last": (lambda: str(Note.objects.order_by("text").last()), "acme"),
    "latest": (lambda: str(Note.objects.latest("text")), "acme"),
    "earliest": (lambda: str(Note.objects.order_by().earliest("-text")), "acme"),
    "iterator": (lambda: [str(n) for n in Note.objects.iterator(chunk_size=1)], ["acme"]),
    "in_bulk": (lambda: [str(n) for n in Note.objects.in_bulk().values()], ["acme"]),
    "values": (lambda: list(Note.objects.values_list("text", flat=True)), ["acme"]),
    "distinct": (lambda: list(Note.objects.values_list("text").distinct()), [("acme",)]),
    "dates": (lambda: len(Note.objects.dates("written_at", "day")), 1),
    "datetimes": (lambda: len(Note.objects.datetimes("written_at", "second")), 1),
    "aggregate": (lambda: Note.objects.aggregate(m=Max("text"))["m"], "acme"),
    "annotate": (lambda: [p.n for p in Project.objects.annotate(n=Count("notes"))], [1]),
    "group by": (
        lambda: list(Note.objects.values("project__name").annotate(n=Count("pk"))),
        [{"project__name": "acme", "n": 1}],
    ),
    "alias": (lambda: Note.objects.alias(t=F("text")).filter(t="globex").count(), 0),
    "union": (
        lambda: [str(n) for n in Note.objects.all().union(Note.objects.order_by())],
        ["acme"],
    ),
    "difference": (
        lambda: [str(n) for n in Note.objects.difference(Note.objects.filter(text="acme"))],
        [],
    ),
    "or": (lambda: [str(n) for n in Note.objects.all() | Note.objects.exclude(pk=None)], ["acme"]),
    "slice": (lambda: [str(n) for n in Note.objects.order_by("text")[0:9]], ["acme"]),
    "select_related": (
        lambda: [str(n.folder) for n in Note.objects.select_related("folder", "project")],
        ["acme"],
    ),
    "prefetch_related": (
        lambda: [
            str(tag)
            for p in Project.objects.prefetch_related(Prefetch("notes__tags"))
            for n in p.notes.all()
            for tag in n.tags.all()
        ],
        ["acme"],
    ),
    "joined filter": (lambda: Folder.objects.filter(notes__project__name="globex").count(), 0),
    "joined values": (lambda: list(Tagging.objects.values_list("tag__name")), [("acme",)]),
    "many-to-many": (lambda: [str(t) for t in Note.objects.get().tags.all()], ["acme"]),
    "many-to-many, backwards": (lambda: [str(n) for n in Tag.objects.get().notes.all()], ["acme"]),
    "backwards": (lambda: [str(n) for n in Project.objects.get().notes.all()], ["acme"]),
    "self-reference": (lambda: Folder.objects.filter(children__name="globex").count(), 0),
    "generic key": (lambda: str(Note.objects.get().subject), "acme"),
    "generic keys": (
        lambda: [str(n.subject) for n in Note.objects.prefetch_related("subject")],
        ["acme"],
    ),
    "Exists": (
        lambda: Project.objects.filter(
            Exists(Note.objects.exclude(project=OuterRef("pk")))
        ).count(),
        0,
    ),
    "Subquery": (
        lambda: Project.objects.annotate(
            t=Subquery(Note.objects.order_by("-text").values("text")[:1])
        ).values_list("t", flat=True)[0],
        "acme",
    ),
    "extra": (
        lambda: [str(n) for n in Note.objects.extra(where=["text > %s"], params=[""])],
        ["acme"],
    ),
    "explain": (lambda: "actual rows=1" in Note.objects.explain(analyze=True, timing=False), True),
    "a person's memberships": (lambda: Membership.objects.filter(user__name="globex").count(), 0),
}


@pytest.mark.parametrize("name", READS)
def test_a_query_sees_its_own_workspace_only(layers: Sides, name: str) -> None:
    """Vectors 1, 2, 11: every way to ask, with each layer by itself."""
    read, expected = READS[name]

    with layers.acme.scope:
        assert read() == expected


@pytest.mark.parametrize("name", READS)
def test_a_query_without_a_workspace_raises(sides: Sides, name: str) -> None:
    """Vectors 10, 11: no workspace is never "all", nor "none"."""
    read, _expected = READS[name]

    with pytest.raises(NoActiveWorkspace):
        read()


@pytest.mark.parametrize("name", [name for name in READS if "person" not in name])
def test_the_database_alone_refuses_a_query_without_a_workspace(
    without_managers: None, name: str
) -> None:
    """Vectors 10, 53: the database raises too, where no rows would read as "there are none".

    With rows: of a table that it knows to be empty the server may ask nothing.
    """
    make_sides()
    read, _expected = READS[name]

    with pytest.raises(ProgrammingError, match="no active workspace"):
        read()


def test_a_row_of_another_workspace_cannot_be_named(layers: Sides) -> None:
    """Vector 1: what Django fetches by key, past the default manager."""
    theirs = layers.globex

    with layers.acme.scope:
        with pytest.raises(Note.DoesNotExist):
            Note.objects.get(pk=theirs.note.pk)
        with pytest.raises(Project.DoesNotExist):
            _ = Note(project_id=theirs.project.pk).project
        with pytest.raises(Note.DoesNotExist):
            Note(pk=theirs.note.pk).refresh_from_db()
        with pytest.raises(Note.DoesNotExist):
            _ = Note.from_db("default", ["id"], [theirs.note.pk]).text
        about = Note(
            subject_type=ContentType.objects.get_for_model(Project),
            subject_key=str(theirs.project.pk),
        )
        assert about.subject is None
        assert not Note.objects.contains(theirs.note)
        assert list(Note.objects.in_bulk([theirs.note.pk])) == []


def test_a_row_in_hand_shows_nothing_more_in_another_scope(layers: Sides) -> None:
    """Vectors 1, 9: an object of globex that got into acme's code leads no further."""
    folder, project, note = layers.globex.folder, layers.globex.project, layers.globex.note

    with layers.acme.scope:
        assert list(folder.children.all()) == []
        assert project.notes.count() == 0
        assert list(note.tags.all()) == []
        with pytest.raises(Note.DoesNotExist):
            note.refresh_from_db()


def test_related_control_rows_stay_in_their_workspace(layers: Sides) -> None:
    """Vector 2: people and memberships, which belong to several workspaces."""
    ann = layers.globex.member.user

    with layers.acme.scope:
        assert list(ann.memberships.all()) == []
        assert list(layers.globex.workspace.memberships.all()) == []


def test_people_and_workspaces_of_others_are_out_of_reach(sides: Sides) -> None:
    """Vectors 2, 24: the control tables have no scoped manager; row security stands alone."""
    with sides.acme.scope:
        assert [w.name for w in Workspace.objects.all()] == ["acme"]
        assert not Workspace.objects.filter(memberships__user__name="globex").exists()
        assert not User.objects.filter(email="ann@globex.test").exists()
        assert User.objects.filter(name="globex").count() == 0
        assert User.objects.filter(memberships__workspace__slug="globex").count() == 0


def test_joins_stay_inside_even_where_a_foreign_row_is_referred_to(
    superuser_db: Any, become: Callable[[str], None]
) -> None:
    """Vectors 2, 7: should a key ever cross, the joined table's own policy hides the row."""
    sides = make_crossing()
    become("agenhood_app")

    with sides.acme.scope:
        note = Note.objects.select_related("folder").get()
        assert (note.folder_id, note.folder) == (sides.globex.folder.pk, None)
        assert Note.objects.values_list("folder__name", "folder__parent__name").get() == (
            None,
            None,
        )
        assert Note.objects.filter(folder__name="globex").count() == 0
        assert Note.objects.aggregate(m=Max("folder__name"))["m"] is None
        with pytest.raises(Folder.DoesNotExist):
            _ = Note.objects.get().folder
        assert Note.objects.prefetch_related("folder").get()._state.fields_cache["folder"] is None


def make_crossing() -> Sides:
    """Return sides of which acme's note lies in globex's folder, the composite key being gone."""
    sides = make_sides()
    run("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks to come cannot be altered
    run("ALTER TABLE isolation_models_note DROP CONSTRAINT isolation_models_note_folder_workspace")
    move = "UPDATE isolation_models_note SET folder_id = %s WHERE id = %s"
    run(move, [sides.globex.folder.pk, sides.acme.note.pk])
    return sides


class ChooseProject(forms.Form):
    """Made at import, as every form is."""

    project = forms.ModelChoiceField(Project.objects.all())
    named = forms.ModelChoiceField(Project.objects.filter(name__gt=""), to_field_name="name")


PROJECTS = Project.objects.all()
TAGGED = Note.objects.filter(tags__in=Tag.objects.all())


def test_a_form_made_at_import_follows_the_request(layers: Sides) -> None:
    """Vector 8: its choices are those of whoever asks, each time."""
    for here, there in [(layers.acme, layers.globex), (layers.globex, layers.acme)]:
        with here.scope:
            page = ChooseProject().as_p()
            assert (f">{here.name}<" in page, there.name in page) == (True, False)
            foreign = ChooseProject({"project": there.project.pk, "named": there.name})
            assert set(foreign.errors) == {"project", "named"}
            assert ChooseProject({"project": here.project.pk, "named": here.name}).is_valid()


def test_a_queryset_made_at_import_never_keeps_rows_for_the_next_workspace(layers: Sides) -> None:
    """Vectors 8, 9, 28: not even when it is used without a copy, and so keeps its rows."""
    with layers.acme.scope:
        assert [str(p) for p in PROJECTS] == ["acme"]
        assert [str(n) for n in TAGGED] == ["acme"]
    with layers.globex.scope:
        assert [str(p) for p in PROJECTS] == ["globex"]
        assert [str(n) for n in TAGGED] == ["globex"]
        assert (PROJECTS[0].name, PROJECTS.count(), len(PROJECTS)) == ("globex", 1, 1)
        assert layers.acme.project not in PROJECTS
    with pytest.raises(NoActiveWorkspace):
        list(PROJECTS)
    with layers.acme.scope:
        assert [str(p) for p in PROJECTS] == ["acme"]


def test_a_raw_queryset_never_keeps_rows_for_the_next_workspace(sides: Sides) -> None:
    """Vectors 8, 12: the same for SQL of one's own."""
    notes = Note.objects.raw(RAW)
    with sides.acme.scope:
        assert [str(n) for n in notes] == ["acme"]
    with sides.globex.scope:
        assert [str(n) for n in notes] == ["globex"]


def test_a_lazy_queryset_is_of_the_scope_that_evaluates_it(layers: Sides) -> None:
    """Vector 9: made in one workspace, evaluated after it or in another."""
    with layers.globex.scope:
        lazy = Note.objects.filter(text__gt="").select_related("folder")
        prefetching = Project.objects.prefetch_related("notes")

    with refused((NoActiveWorkspace, ProgrammingError), "workspace"):
        list(lazy)
    with layers.acme.scope:
        assert [str(n) for n in lazy] == ["acme"]
        assert [str(n) for p in prefetching for n in p.notes.all()] == ["acme"]


@pytest.mark.parametrize("nothing", [None, "", [], 0, "*", "all"])
def test_no_workspace_is_none(db: None, nothing: Any) -> None:
    """Vector 10: what a forgotten value looks like is refused, never read as "all"."""
    with pytest.raises(TypeError):
        workspace_scope(nothing)


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_setting_is_no_workspace(without_managers: None, nothing: Any) -> None:
    """Vectors 10, 53: the database's setting, emptied inside a scope."""
    sides = make_sides()
    with sides.acme.scope:
        rows("SELECT set_config('agenhood.workspace_id', %s, true)", [nothing])
        with refused(ProgrammingError, "no active workspace"):
            Note.objects.count()


@pytest.mark.parametrize("anything", ["*", "%", "all", "true", "' OR true --"])
def test_no_setting_means_every_workspace(without_managers: None, anything: str) -> None:
    """Vectors 10, 54: whatever an injection sets, there is no value that opens all."""
    sides = make_sides()
    with sides.acme.scope:
        rows("SELECT set_config('agenhood.workspace_id', %s, true)", [anything])
        with refused(DataError, "invalid input syntax for type uuid"):
            Note.objects.count()


SQL = [
    RAW,
    "SELECT * FROM isolation_models_note WHERE true OR workspace_id IS NOT NULL",
    "TABLE isolation_models_note",
    "WITH everything AS (SELECT * FROM isolation_models_note) SELECT * FROM everything",
    "SELECT n.* FROM workspaces_workspace w JOIN isolation_models_note n ON n.workspace_id = w.id",
    "SELECT * FROM isolation_models_note FOR UPDATE",
]


@pytest.mark.parametrize("sql", SQL)
def test_raw_sql_sees_its_own_workspace_only(sides: Sides, sql: str) -> None:
    """Vector 12: SQL that names no workspace, by a cursor and by `raw()`."""
    with sides.acme.scope:
        assert [str(n) for n in Note.objects.raw(sql)] == ["acme"]
        assert [row[0] for row in rows(sql)] == [sides.acme.note.pk]
    with refused(ProgrammingError, "no active workspace"):
        rows(sql)


def test_sql_inside_a_query_sees_its_own_workspace_only(sides: Sides) -> None:
    """Vector 12: `extra`, RawSQL, and a condition that closes the manager's own."""
    everything = "SELECT string_agg(text, ' ') FROM isolation_models_note"
    with sides.acme.scope:
        assert Note.objects.annotate(t=RawSQL(everything, [])).get().t == "acme"  # noqa: S611
        assert Note.objects.extra(select={"t": f"({everything})"}).get().t == "acme"  # noqa: S610
        injected = Note.objects.extra(where=["true) OR (true"])
        assert [str(n) for n in injected] == ["acme"]
        assert "OR (true" in str(injected.query)


LOOKUPS = [
    {"workspace__slug": "globex"},
    {"workspace__name": "globex"},
    {"workspace__memberships__user__email": "ann@globex.test"},
    {"project__workspace__memberships__user__password": "!"},
    {"project__name": "globex"},
    {"tags__notes__folder__name": "globex"},
]


@pytest.mark.parametrize("lookup", LOOKUPS, ids=lambda lookup: next(iter(lookup)))
def test_a_lookup_chosen_by_the_user_reaches_nothing(layers: Sides, lookup: dict[str, str]) -> None:
    """Vector 13: should a view ever pass a query string on, it stays among its own rows."""
    with layers.acme.scope:
        assert {str(n) for n in Note.objects.filter(**lookup)} <= {"acme"}
        for field in lookup:
            assert {str(n) for n in Note.objects.order_by(field)} <= {"acme"}


def test_unscoped_rows_are_those_that_the_database_shows(sides: Sides) -> None:
    """Vector 1: the one way past a manager leads no further than row security."""
    with sides.acme.scope:
        assert [str(n) for n in Note.objects.unscoped("to see what is left")] == ["acme"]
        others = Membership.objects.unscoped("the same").filter(user__name="globex")
        assert not others.exists()


def test_an_owned_model_keeps_its_filter_as_base_manager() -> None:
    """Vector 1: Django takes the base manager for keys, refreshing, saving and deleting."""
    owned = [model for model in apps.get_models() if issubclass(model, WorkspaceOwned)]
    assert {Project, Note, Folder, Tag, Tagging} <= set(owned)
    for model in owned:
        with pytest.raises(NoActiveWorkspace):
            str(model._base_manager.all().query)
