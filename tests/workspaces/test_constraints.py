"""The three constraints of a model that a workspace owns: in migrations, in the database, in forms.

Tables are made and changed as migrations do, by the schema editor as the tables' owner, in a
transaction that is rolled back; what they hold is then tried as the console's login.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import (
    DatabaseError,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    models,
)
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AlterModelTable,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.test import Client

from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.models import Project
from tests import postgres
from tests.factories import MembershipFactory
from tests.isolation.models_app.models import Folder, Note, Tag, Tagging
from tests.isolation.sides import Sides, make_sides
from tests.isolation.sql import refused, rows, run
from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace, WorkspaceIsolation
from workspaces.database.roles import APP, OWNER
from workspaces.isolation import faults
from workspaces.models import Membership
from workspaces.roles import Role

ISOLATION = WorkspaceIsolation(name="lab_agent_isolation")
TO_PROJECT = SameWorkspace("project", name="lab_agent_project_workspace")
UNIQUE = UniquePerWorkspace("name", name="lab_agent_name_unique")


def agent(name: str = "Agent", *constraints: Any) -> CreateModel:
    return CreateModel(
        name,
        [
            ("id", models.UUIDField(primary_key=True)),
            ("name", models.CharField(max_length=60)),
            (
                "project",
                models.ForeignKey(
                    "fleet.project", models.DO_NOTHING, null=True, db_constraint=False
                ),
            ),
            ("workspace", models.ForeignKey("workspaces.workspace", models.CASCADE)),
        ],
        options={"constraints": list(constraints)},
    )


class Lab:
    """An app whose migrations are written in the tests, each its own schema editor's work."""

    def __init__(self, become: Callable[[str], None], sides: Sides) -> None:
        self.become, self.sides = become, sides
        self.states = [ProjectState.from_apps(apps)]
        self.done: list[tuple[Operation, ...]] = []

    def _go_on_as_owner(self) -> None:
        # A migration starts its own transaction: no key of rows made just now is left to check.
        run("SET CONSTRAINTS ALL IMMEDIATE")
        self.become(OWNER)

    def migrate(self, *operations: Operation) -> None:
        state = self.states[-1]
        self._go_on_as_owner()
        with connection.schema_editor(atomic=True) as editor:
            for operation in operations:
                after = state.clone()
                operation.state_forwards("lab", after)
                operation.database_forwards("lab", editor, state, after)
                state = after
        self.states.append(state)
        self.done.append(operations)
        self.become(APP)

    def reverse(self) -> None:
        """Take the last migration back."""
        operations, state = self.done.pop(), self.states[-2]
        states = [state]
        for operation in operations:
            state = state.clone()
            operation.state_forwards("lab", state)
            states.append(state)
        self._go_on_as_owner()
        with connection.schema_editor(atomic=True) as editor:
            for number, operation in reversed(list(enumerate(operations))):
                operation.database_backwards("lab", editor, states[number + 1], states[number])
        self.states.pop()
        self.become(APP)

    def insert(self, table: str = "lab_agent", *, project: Any = None, name: str = "a") -> Any:
        """Write a row into acme, as the console."""
        key = uuid4()
        with self.sides.acme.scope:
            run(
                f"INSERT INTO {table} (id, name, project_id, workspace_id) VALUES (%s, %s, %s, %s)",
                [key, name, project, self.sides.acme.workspace.pk],
            )
        return key

    def names(self, table: str = "lab_agent") -> list[Any]:
        with self.sides.globex.scope:
            return rows(f"SELECT name FROM {table}")


@pytest.fixture
def lab(become: Callable[[str], None]) -> Lab:
    become(APP)
    return Lab(become, make_sides())


def lines() -> list[str]:
    return [f"{fault.table}: {fault.check}: {fault.detail}" for fault in faults()]


def is_isolated(lab: Lab, table: str = "lab_agent") -> bool:
    """Whether a row is kept to acme: unseen by globex, unmoved by anybody, and by the check."""
    key = lab.insert(table)
    with lab.sides.acme.scope, refused(IntegrityError, "never changes its workspace"):
        run(
            f"UPDATE {table} SET workspace_id = %s WHERE id = %s",
            [lab.sides.globex.workspace.pk, key],
        )
    with lab.sides.acme.scope, refused(ProgrammingError, "row-level security"):
        run(
            f"INSERT INTO {table} (id, name, workspace_id) VALUES (%s, 'b', %s)",
            [uuid4(), lab.sides.globex.workspace.pk],
        )
    with refused(ProgrammingError, "no active workspace"):
        run(f"SELECT count(*) FROM {table}")
    return lab.names(table) == [] and lines() == []


# WorkspaceIsolation


def test_a_new_table_is_isolated(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))

    assert is_isolated(lab)


def test_the_owner_of_a_new_table_sees_no_row_of_it(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))
    lab.insert()
    lab.become(OWNER)

    with refused(ProgrammingError, "no active workspace"):
        run("SELECT count(*) FROM lab_agent")


def test_isolation_can_come_after_the_table_and_its_rows(lab: Lab) -> None:
    lab.migrate(agent())
    lab.insert()
    assert lab.names() == ["a"]

    lab.migrate(AddConstraint("Agent", ISOLATION), AddConstraint("Agent", TO_PROJECT))

    assert is_isolated(lab)


def test_isolation_follows_a_renamed_model(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))

    lab.migrate(RenameModel("Agent", "Robot"))

    assert is_isolated(lab, "lab_robot")


def test_isolation_follows_a_renamed_table(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))

    lab.migrate(AlterModelTable("Agent", "robots"))

    assert is_isolated(lab, "robots")


def test_a_model_renamed_in_the_migration_that_makes_it_is_isolated(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT), RenameModel("Agent", "Robot"))

    assert is_isolated(lab, "lab_robot")


def test_isolation_of_a_renamed_model_can_be_taken_back(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION))
    lab.migrate(RenameModel("Agent", "Robot"))
    lab.migrate(RemoveConstraint("Robot", ISOLATION.name))

    assert "lab_robot: row security: not enabled" in lines()

    lab.reverse()
    lab.reverse()
    lab.migrate(AddConstraint("Agent", TO_PROJECT))
    assert is_isolated(lab)


def test_removed_isolation_leaves_nothing_behind(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION))
    lab.migrate(RemoveConstraint("Agent", ISOLATION.name))

    assert rows("SELECT polname FROM pg_policy WHERE polrelid = 'lab_agent'::regclass") == []
    left = rows(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'lab_agent'::regclass AND NOT tgisinternal"
    )
    assert left == []
    flags = rows(
        "SELECT relrowsecurity OR relforcerowsecurity FROM pg_class WHERE relname = 'lab_agent'"
    )
    assert flags == [False]


def test_removing_isolation_is_reversible(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))
    lab.migrate(RemoveConstraint("Agent", ISOLATION.name))

    lab.reverse()

    assert is_isolated(lab)


def test_a_table_and_all_that_guards_it_can_be_taken_back(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT, UNIQUE))
    lab.migrate(DeleteModel("Agent"))
    assert rows("SELECT to_regclass('lab_agent')") == [None]

    lab.reverse()
    assert is_isolated(lab)

    lab.reverse()
    assert rows("SELECT to_regclass('lab_agent')") == [None]


# SameWorkspace


@pytest.mark.parametrize("later", [False, True])
def test_a_row_refers_to_its_own_workspace_only(lab: Lab, later: bool) -> None:
    lab.migrate(agent("Agent", ISOLATION, *([] if later else [TO_PROJECT])))
    if later:
        lab.migrate(AddConstraint("Agent", TO_PROJECT))

    lab.insert(project=lab.sides.acme.project.pk)
    with refused(IntegrityError, "lab_agent_project_workspace"):
        lab.insert(project=lab.sides.globex.project.pk)
    assert lines() == []


def test_a_key_that_comes_later_checks_the_rows_that_are_there(lab: Lab) -> None:
    """The owner sees no row of a forced table: a check as them would pass over the bad one."""
    lab.migrate(agent("Agent", ISOLATION))
    lab.insert(project=lab.sides.globex.project.pk)

    with refused(IntegrityError, "lab_agent_project_workspace"):
        lab.migrate(AddConstraint("Agent", TO_PROJECT))


def test_a_removed_key_is_gone_and_comes_back(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))

    lab.migrate(RemoveConstraint("Agent", TO_PROJECT.name))
    assert lines() == ["lab_agent: key project_id: no foreign key holds it"]

    lab.reverse()
    assert lines() == []


def test_a_key_follows_a_renamed_field(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))

    lab.migrate(RenameField("Agent", "project", "target"))

    with lab.sides.acme.scope, refused(IntegrityError, "lab_agent_project_workspace"):
        run(
            "INSERT INTO lab_agent (id, name, target_id, workspace_id) VALUES (%s, 'a', %s, %s)",
            [uuid4(), lab.sides.globex.project.pk, lab.sides.acme.workspace.pk],
        )
    assert lines() == []


def test_a_key_of_a_field_renamed_in_the_same_migration_is_made(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT), RenameField("Agent", "project", "target"))

    assert lines() == []


PART = CreateModel(
    "Part",
    [
        ("id", models.UUIDField(primary_key=True)),
        ("agent", models.ForeignKey("lab.agent", models.DO_NOTHING, db_constraint=False)),
        ("workspace", models.ForeignKey("workspaces.workspace", models.CASCADE)),
    ],
    options={
        "constraints": [
            WorkspaceIsolation(name="lab_part_isolation"),
            SameWorkspace("agent", name="lab_part_agent_workspace"),
        ]
    },
)
# In this order, which `makemigrations` may choose, a key comes before the one that it hangs on.
AGENT_AND_PART = [agent("Agent", TO_PROJECT), PART, AddConstraint("Agent", ISOLATION)]


def test_a_key_may_come_before_the_one_that_it_hangs_on(lab: Lab) -> None:
    lab.migrate(*AGENT_AND_PART)
    assert is_isolated(lab)

    lab.reverse()
    assert rows("SELECT to_regclass('lab_agent'), to_regclass('lab_part')") == [(None, None)]


def test_isolation_that_keys_hang_on_is_not_removed(lab: Lab) -> None:
    lab.migrate(*AGENT_AND_PART)

    with refused(DatabaseError, "other objects depend on it"):
        lab.migrate(RemoveConstraint("Agent", ISOLATION.name))


def test_a_key_follows_renamed_models_on_both_its_sides(lab: Lab) -> None:
    lab.migrate(*AGENT_AND_PART, RenameModel("Agent", "Robot"), RenameModel("Part", "Limb"))

    assert lines() == []
    assert is_isolated(lab, "lab_robot")


def test_a_key_to_the_own_table_is_made_with_it(lab: Lab) -> None:
    parent = models.ForeignKey("lab.agent", models.DO_NOTHING, null=True, db_constraint=False)
    operation = agent("Agent", ISOLATION, TO_PROJECT, SameWorkspace("parent", name="parent_key"))
    operation.fields.append(("parent", parent))

    lab.migrate(operation)

    assert lines() == []


def test_a_field_and_its_key_are_added_to_a_table_with_rows(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))
    lab.insert()
    folder = models.ForeignKey(
        "isolation_models.folder", models.DO_NOTHING, null=True, db_constraint=False
    )

    lab.migrate(
        AddField("Agent", "folder", folder),
        AddConstraint("Agent", SameWorkspace("folder", name="folder_key", on_delete="SET NULL")),
    )

    assert lines() == []


def test_a_deleted_row_is_let_go_of_by_one_column_alone(lab: Lab) -> None:
    lab.migrate(
        agent("Agent", ISOLATION, SameWorkspace("project", name="key", on_delete="SET NULL"))
    )
    lab.insert(project=lab.sides.acme.project.pk)

    with lab.sides.acme.scope:
        run("DELETE FROM isolation_models_note; DELETE FROM fleet_project")
        kept = rows("SELECT project_id, workspace_id FROM lab_agent")

    assert kept == [(None, lab.sides.acme.workspace.pk)]


def test_a_cascade_stays_inside_its_workspace(db: None) -> None:
    sides = make_sides()

    with sides.acme.scope:
        run("DELETE FROM isolation_models_note")
        assert not Tagging.objects.exists()
    with sides.globex.scope:
        assert (Note.objects.count(), Tagging.objects.count(), Tag.objects.count()) == (1, 1, 1)


def test_a_row_that_is_referred_to_stays(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT))
    lab.insert(project=lab.sides.acme.project.pk)

    with lab.sides.acme.scope, refused(IntegrityError, "lab_agent_project_workspace"):
        run("DELETE FROM fleet_project")


def test_an_unknown_action_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValueError, match="on_delete is one of NO ACTION, CASCADE, SET NULL"):
        SameWorkspace("project", on_delete="RESTRICT")


# UniquePerWorkspace


def test_a_name_is_unique_within_its_workspace_alone(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, TO_PROJECT, UNIQUE))
    lab.insert(name="Mine")

    with refused(IntegrityError, "lab_agent_name_unique"):
        lab.insert(name="mine")
    with lab.sides.globex.scope:
        row = [uuid4(), lab.sides.globex.workspace.pk]
        assert run("INSERT INTO lab_agent (id, name, workspace_id) VALUES (%s, 'MINE', %s)", row)
    assert lines() == []


def test_uniqueness_is_removed_and_comes_back(lab: Lab) -> None:
    lab.migrate(agent("Agent", ISOLATION, UNIQUE))

    lab.migrate(RemoveConstraint("Agent", UNIQUE.name))
    assert rows("SELECT to_regclass('lab_agent_name_unique')") == [None]

    lab.reverse()
    lab.insert(name="Mine")
    with refused(IntegrityError, "lab_agent_name_unique"):
        lab.insert(name="mine")


@pytest.fixture
def sides(db: None) -> Sides:
    return make_sides()


def test_a_clash_is_a_form_error_at_the_field(sides: Sides) -> None:
    with sides.acme.scope:
        form = ProjectForm({"name": "ACME"})

        assert form.errors == {"name": ["This workspace already has a project of that name."]}


def test_another_workspaces_names_are_free_and_not_told(sides: Sides) -> None:
    with sides.acme.scope:
        form = ProjectForm({"name": "globex"})

        assert form.is_valid()
        assert form.save().workspace_id == sides.acme.workspace.pk


def test_a_row_does_not_clash_with_itself(sides: Sides) -> None:
    with sides.acme.scope:
        assert ProjectForm({"name": "ACME"}, instance=sides.acme.project).is_valid()


def test_a_field_that_a_form_leaves_out_is_not_checked(sides: Sides) -> None:
    with sides.acme.scope:
        same = Project(name="acme")

        same.validate_constraints(exclude={"name", "workspace"})
        with pytest.raises(ValidationError):
            same.validate_constraints(exclude={"workspace"})


def post_project(member: Membership, name: str) -> Any:
    client = Client()
    try:
        client.force_login(member.user)
        return client.post(f"/w/{member.workspace.slug}/projects/new/", {"name": name})
    finally:
        connections.close_all()


def test_of_two_requests_for_one_name_one_is_told_at_the_field(committed_db: None) -> None:
    member = MembershipFactory(role=Role.OPERATOR)

    # The other one holds the name, uncommitted, until the request has validated and waits for it.
    with (
        postgres.superuser() as holder,
        postgres.superuser() as watcher,
        ThreadPoolExecutor() as pool,
    ):
        holder.execute("BEGIN")
        holder.execute(
            "INSERT INTO fleet_project (id, workspace_id, name, created_at)"
            " VALUES (gen_random_uuid(), %s, 'twice', now())",
            [member.workspace_id],
        )
        request: Future[Any] = pool.submit(post_project, member, "Twice")
        blocked = "SELECT FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        while not request.done():
            if watcher.execute(blocked, [holder.info.backend_pid]).rowcount:
                break
        waited = not request.done()
        holder.execute("COMMIT")
        response = request.result(30)

    assert waited
    assert response.status_code == 422
    assert "This workspace already has a project of that name." in response.content.decode()


# The three in migrations


CONSTRAINTS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "isolation": (lambda: WorkspaceIsolation(name="n"), lambda: TO_PROJECT),
    "key": (
        lambda: SameWorkspace("project", name="n"),
        lambda: SameWorkspace("folder", name="n"),
    ),
    "key with an action": (
        lambda: SameWorkspace("project", name="n", on_delete="SET NULL"),
        lambda: SameWorkspace("project", name="n", on_delete="CASCADE"),
    ),
    "unique": (
        lambda: UniquePerWorkspace("name", name="n"),
        lambda: UniquePerWorkspace("title", name="n"),
    ),
    "unique with columns": (
        lambda: UniquePerWorkspace("name", name="n", include=["id"]),
        lambda: UniquePerWorkspace("name", name="n", violation_error_message="No."),
    ),
}


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_a_constraint_survives_a_migration_file(kind: str) -> None:
    make, make_another = CONSTRAINTS[kind]
    constraint = make()
    path, args, kwargs = constraint.deconstruct()

    assert type(constraint)(*args, **kwargs) == constraint == constraint.clone()
    assert constraint.clone().deconstruct() == (path, args, kwargs)
    assert path == f"workspaces.database.constraints.{type(constraint).__name__}"
    assert constraint != make_another()
    assert constraint != models.CheckConstraint(condition=models.Q(name=""), name="n")

    text, imports = MigrationWriter.serialize(constraint)
    namespace: dict[str, Any] = {}
    exec("\n".join(imports), namespace)  # noqa: S102 - as Django loads a migration
    assert eval(text, namespace) == constraint  # noqa: S307


def changes_to(models_: list[ModelState], before: ProjectState | None = None) -> dict[str, Any]:
    after = ProjectState.from_apps(apps)
    for model in models_:
        after.add_model(model)
    detector = MigrationAutodetector(
        before or ProjectState.from_apps(apps), after, NonInteractiveMigrationQuestioner()
    )
    return detector.changes(graph=_graph())


def _graph() -> Any:
    from django.db.migrations.loader import MigrationLoader

    return MigrationLoader(None, ignore_no_migrations=True).graph


def test_the_migrations_say_all_that_the_models_do(db: None) -> None:
    """Twice, since a constraint that is not equal to itself is made again and again."""
    assert call_command("makemigrations", check=True, dry_run=True, verbosity=0) is None
    assert changes_to([]) == {}


def test_a_renamed_model_keeps_its_isolation_and_the_keys_that_hang_on_it() -> None:
    """Its name holds the model's: were that another constraint, it would be dropped and made anew,
    and PostgreSQL would refuse it, for other tables' keys need it."""
    assert WorkspaceIsolation(name="lab_agent_isolation") == WorkspaceIsolation(
        name="lab_robot_isolation"
    )


def test_names_follow_the_model() -> None:
    assert [constraint.name for constraint in Folder._meta.constraints] == [
        "isolation_models_folder_isolation",
        "isolation_models_folder_parent_workspace",
    ]
    assert [constraint.name for constraint in Tag._meta.constraints] == [
        "isolation_models_tag_isolation",
        "isolation_models_tag_name_unique",
    ]
