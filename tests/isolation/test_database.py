"""What the database holds by itself, asked with SQL as each of its roles."""

import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.utils import IntegrityError, ProgrammingError
from psycopg_pool import ConnectionPool

from agenhood.launcher.binaries import binaries_folder
from tests.factories import TokenFactory
from tests.isolation.sides import Side, Sides
from tests.isolation.sql import refused, rows, run
from tests.postgres import DATA, DATABASE, server, url
from workspaces.database.roles import APP, BACKUP, OLDEST_SERVER, OWNER, PLATFORM
from workspaces.scope import member_scope, person_scope, platform_scope
from workspaces.tokens import token_scope
from workspaces.tokens.text import new_text

OWNED = ["fleet_project", "isolation_models_note", "isolation_models_folder"]
CONTROL = ["workspaces_workspace", "workspaces_membership", "accounts_user"]


@pytest.mark.parametrize("table", OWNED)
def test_the_owner_of_a_table_sees_none_of_its_rows(committed_sides: Sides, table: str) -> None:
    """Vector 42: FORCE; and without a workspace it is told so, not shown an empty table."""
    with psycopg.connect(url(OWNER)) as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no active workspace"):
            owner.execute(f"SELECT * FROM {table}")
        owner.rollback()
        setting = str(committed_sides.acme.workspace.pk)
        owner.execute("SELECT set_config('agenhood.workspace_id', %s, true)", [setting])
        found = owner.execute(f"SELECT DISTINCT workspace_id::text FROM {table}").fetchall()

    assert found == [(setting,)]


@pytest.mark.parametrize("table", CONTROL)
def test_the_owner_sees_no_workspaces_and_people(committed_sides: Sides, table: str) -> None:
    """Vector 42: a data migration that thinks otherwise would silently do nothing (59)."""
    with psycopg.connect(url(OWNER)) as owner:
        assert owner.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize("table", [*OWNED, *CONTROL])
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE {table}",
        "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY open ON {table} USING (true)",
        "DROP TABLE {table}",
        "ALTER TABLE {table} OWNER TO agenhood_app",
        "CREATE VIEW peek AS SELECT * FROM {table}",
        "CREATE TRIGGER t BEFORE INSERT ON {table} EXECUTE FUNCTION workspaces.guard_standing()",
        "CREATE TEMPORARY TABLE peek AS SELECT * FROM {table}",
    ],
)
def test_the_console_changes_no_structure(sides: Sides, table: str, statement: str) -> None:
    """Vectors 42, 44, 48, 49: nor does it empty a table past row security."""
    with sides.acme.scope, refused(ProgrammingError):
        run(statement.format(table=table))


@pytest.mark.parametrize("role", [OWNER, BACKUP, "postgres", "pg_read_all_data"])
def test_the_console_becomes_no_other_role(sides: Sides, role: str) -> None:
    """Vectors 43, 54."""
    with sides.acme.scope, refused(ProgrammingError, "permission denied|cannot set"):
        run(f"SET LOCAL ROLE {role}")


def test_no_setting_turns_row_security_off(sides: Sides) -> None:
    """Vector 54: `row_security = off` makes a query fail that a policy would have filtered."""
    with sides.acme.scope:
        run("SET LOCAL row_security = off")
        with refused(ProgrammingError, "row-level security"):
            rows("SELECT * FROM fleet_project")
        run("SET LOCAL row_security = on")


@pytest.mark.parametrize("name", ["session_replication_role = replica", "log_statement = 'all'"])
def test_no_setting_turns_triggers_or_logging(sides: Sides, name: str) -> None:
    """Vectors 33, 54."""
    with sides.acme.scope, refused(ProgrammingError, "permission denied"):
        run(f"SET LOCAL {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_get(1)",
        "SELECT loread(0, 1)",
    ],
)
def test_no_large_object_is_made_or_read(sides: Sides, statement: str) -> None:
    """Vector 66: they have no row security, so that one workspace could leave it for another."""
    for scope in (sides.acme.scope, platform_scope("test")):
        with scope, refused(ProgrammingError, "permission denied for function"):
            run(statement)


def test_copy_shows_ones_own_rows_only(sides: Sides) -> None:
    """Vector 50: and not into a file or program of the server's."""
    with sides.acme.scope:
        with connection.cursor() as cursor, cursor.copy("COPY fleet_project TO STDOUT") as out:
            copied = b"".join(bytes(part) for part in out)
        for target in ("'/tmp/agenhood-copy'", "PROGRAM 'cat'"):
            with refused(ProgrammingError):
                run(f"COPY fleet_project TO {target}")

    assert b"acme" in copied
    assert b"globex" not in copied


def test_a_setting_outside_a_transaction_does_nothing(committed_sides: Sides) -> None:
    """Vectors 51, 53: a local setting in autocommit is gone before the next statement."""
    acme = str(committed_sides.acme.workspace.pk)

    rows("SELECT set_config('agenhood.workspace_id', %s, true)", [acme])

    assert not connection.in_atomic_block
    assert rows("SELECT current_setting('agenhood.workspace_id', true)") == [""]
    with pytest.raises(ProgrammingError, match="no active workspace"):
        rows("SELECT * FROM fleet_project")


def test_a_pooled_connection_is_handed_on_without_a_workspace(committed_sides: Sides) -> None:
    """Vectors 35, 52: the very same connection, after a commit and after an error."""
    acme = str(committed_sides.acme.workspace.pk)
    setting = "SELECT set_config('agenhood.workspace_id', %s, true)"
    with ConnectionPool(url(APP), min_size=1, max_size=1, open=True) as pool:
        for ends_well in (True, False):
            with pool.connection() as first:
                pid = first.info.backend_pid
                first.execute(setting, [acme])
                assert first.execute("SELECT name FROM fleet_project").fetchall() == [("acme",)]
                if not ends_well:
                    with pytest.raises(psycopg.errors.DivisionByZero):
                        first.execute("SELECT 1 / 0")
                    first.rollback()
            with pool.connection() as second:
                assert second.info.backend_pid == pid
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no active"):
                    second.execute("SELECT name FROM fleet_project")
                second.rollback()


SCOPES: dict[str, Callable[[Side], Any]] = {
    "workspace": lambda side: side.scope,
    "member": lambda side: member_scope(side.workspace.slug, side.member.user_id),
    "person": lambda side: person_scope(side.member.user_id),
    "platform": lambda _: platform_scope("test"),
    "token": lambda side: token_scope(text_of_token(side)),
}


def text_of_token(side: Side) -> str:
    text = new_text(side.workspace.pk)
    TokenFactory(
        workspace=side.workspace, membership=side.member, text=text, scopes=["project.view"]
    )
    return text


@pytest.mark.parametrize("kind", SCOPES)
def test_a_cursor_that_outlives_its_scope_is_closed_by_the_next_one(
    committed_sides: Sides, kind: str
) -> None:
    """Vector 67: it keeps the rows that it found, and asks no policy again."""
    scope = SCOPES[kind](committed_sides.globex)
    with committed_sides.acme.scope:
        run("DECLARE kept CURSOR WITH HOLD FOR SELECT name FROM fleet_project")
    assert rows("SELECT name FROM pg_cursors") == ["kept"]

    with scope:
        assert rows("SELECT name FROM pg_cursors") == []
        with refused(ProgrammingError, "does not exist"):
            rows("FETCH ALL FROM kept")


def test_a_cursor_of_the_scope_itself_stays_open(sides: Sides) -> None:
    """As Django's `iterator()` opens them where it may, also with the same scope entered again."""
    with sides.acme.scope, connection.chunked_cursor() as cursor:
        cursor.execute("SELECT g FROM generate_series(1, 3) AS g")
        assert cursor.fetchmany(1) == [(1,)]
        with sides.acme.scope:
            assert rows("SELECT count(*) FROM fleet_project") == [1]
        assert cursor.fetchall() == [(2,), (3,)]


def test_a_workspace_set_for_the_session_is_not_the_next_scopes(committed_sides: Sides) -> None:
    """Vectors 52, 67: whoever could run any statement might leave it behind."""
    acme, globex = committed_sides.acme, committed_sides.globex
    setting = "SELECT set_config('agenhood.workspace_id', %s, false)"
    try:
        rows(setting, [str(acme.workspace.pk)])
        with globex.scope:
            assert rows("SELECT name FROM fleet_project") == ["globex"]
        for kind in ("person", "platform"):
            with SCOPES[kind](globex):
                assert rows("SELECT workspaces.active_id()") == [None]
    finally:
        rows(setting, [""])


def test_what_a_session_may_keep_shows_nothing(committed_sides: Sides) -> None:
    """Vector 67: nothing temporary is made, and a prepared statement asks row security again."""
    with committed_sides.acme.scope:
        for temporary in (
            "CREATE TEMP TABLE kept (name text)",
            "CREATE FUNCTION pg_temp.kept() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE TEMP VIEW kept AS SELECT name FROM fleet_project",
        ):
            with refused(ProgrammingError, "permission denied"):
                run(temporary)
        run("PREPARE kept AS SELECT name FROM fleet_project")
        for _ in range(7):  # from the sixth time on its plan may be kept
            assert rows("EXECUTE kept") == ["acme"]
    try:
        with committed_sides.globex.scope:
            assert rows("EXECUTE kept") == ["globex"]
        with platform_scope("test"), refused(ProgrammingError, "permission denied"):
            rows("EXECUTE kept")
        with pytest.raises(ProgrammingError, match="no active workspace"):
            rows("EXECUTE kept")
    finally:
        run("DEALLOCATE kept")


def plan(sql: str) -> str:
    return "\n".join(rows(f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {sql}"))


def test_the_policy_asks_for_the_workspace_once_per_statement(sides: Sides) -> None:
    """Vector 55: not once per row."""
    with sides.acme.scope:
        run("SET LOCAL enable_indexscan = off")
        run("SET LOCAL enable_bitmapscan = off")
        seen = plan("SELECT * FROM fleet_project")

    assert "InitPlan" in seen
    assert "workspace_id = (InitPlan" in seen or "workspace_id = $0" in seen
    assert seen.count("current_id") <= 1


def test_a_workspaces_rows_are_found_by_an_index_that_starts_with_it(sides: Sides) -> None:
    """Vector 56: the policy's own condition is the index's, whatever else the query asks."""
    with sides.acme.scope:
        run("SET LOCAL enable_seqscan = off")
        seen = plan("SELECT * FROM fleet_project WHERE name ILIKE '%a%' ORDER BY lower(name)")

    assert "Index Cond: (workspace_id = " in seen


def test_an_error_shows_no_row_of_another_workspace(sides: Sides) -> None:
    """Vector 57: a clash of keys tells the key that was sent, and nothing that is stored."""
    with sides.acme.scope, refused(IntegrityError) as caught:
        run(
            "INSERT INTO fleet_project (id, workspace_id, name, created_at)"
            " VALUES (%s, %s, 'x', now())",
            [sides.globex.project.pk, sides.acme.workspace.pk],
        )

    assert "globex" not in str(caught.value)
    assert str(sides.globex.workspace.pk) not in str(caught.value)


@pytest.mark.parametrize("table", OWNED)
def test_statistics_are_hidden(sides: Sides, table: str) -> None:
    """Vectors 33, 57: pg_stats shows no value of a table with row security."""
    with sides.acme.scope:
        assert rows("SELECT count(*) FROM pg_stats WHERE tablename = %s", [table]) == [0]


def test_the_server_is_new_enough() -> None:
    """Vector 58."""
    assert OLDEST_SERVER >= 15


def pg_dump(role_url: str) -> "subprocess.CompletedProcess[str]":
    program = binaries_folder(DATA) / "pg_dump"
    return subprocess.run(
        [program, "--data-only", "--no-sync", role_url], capture_output=True, text=True, check=False
    )


def test_the_backup_role_dumps_every_workspace(committed_sides: Sides) -> None:
    """Vectors 50, 60: a dump that lacked rows without a word would be worse than none."""
    dumped = pg_dump(url(BACKUP))

    assert dumped.returncode == 0, dumped.stderr
    for side in (committed_sides.acme, committed_sides.globex):
        assert str(side.project.pk) in dumped.stdout


@pytest.mark.parametrize("role", [APP, OWNER])
def test_no_other_role_can_dump(committed_sides: Sides, role: str) -> None:
    """Vectors 50, 60: it fails, instead of dumping a part."""
    dumped = pg_dump(url(role))

    assert dumped.returncode != 0
    assert str(committed_sides.globex.project.pk) not in dumped.stdout


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM fleet_project", "UPDATE accounts_user SET is_staff = true", "CREATE TABLE x ()"],
)
def test_the_backup_role_changes_nothing(committed_sides: Sides, statement: str) -> None:
    """Vector 60: also when it takes its read-only setting back."""
    with psycopg.connect(url(BACKUP)) as backup:
        backup.execute("SET transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            backup.execute(statement)


def test_nobody_else_may_connect_and_nobody_without_a_password(committed_sides: Sides) -> None:
    """Vector 43: the platform's role has no login, and a role's name alone opens nothing."""
    for login in (
        server.url(PLATFORM, "app", DATABASE),
        server.url(APP, "wrong", DATABASE),
        server.url(APP, "", DATABASE),
    ):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(login)


def test_the_platforms_rights_end_with_its_scope(sides: Sides) -> None:
    """Vectors 41, 52."""
    seen = "SELECT count(*) FROM workspaces_workspace"
    with platform_scope("test"):
        assert rows(seen) == [2]

    assert rows(seen) == [0]
    with refused(ProgrammingError, "permission denied"):
        run("INSERT INTO workspaces_workspace (id) VALUES (gen_random_uuid())")


def test_a_migration_that_forgets_the_workspace_is_told_so(
    superuser_db: Any, become: Callable[[str], None]
) -> None:
    """Vector 59: a data migration runs as the owner, in no workspace: it raises."""
    become(OWNER)

    with refused(ProgrammingError, "no active workspace"):
        run(
            "INSERT INTO isolation_models_tag (id, workspace_id, name)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), 'x')"
        )
