"""What the console's and the platform's roles can do with a trail, whatever code runs: add."""

import threading

import pytest
from django.db import DatabaseError, connections

from tests import postgres
from tests.factories import ProjectFactory, WorkspaceFactory
from tests.isolation.sql import refused, rows, run
from workspaces.audit import record
from workspaces.audit.models import AuditEntry
from workspaces.audit.verify import verify
from workspaces.scope import platform_scope, workspace_scope


@pytest.fixture
def workspace(db):
    return WorkspaceFactory()


STATEMENTS = [
    "UPDATE workspaces_auditentry SET reason = 'x'",
    "UPDATE workspaces_auditentry SET hash = hash",
    "DELETE FROM workspaces_auditentry",
    "TRUNCATE workspaces_auditentry",
    "DELETE FROM workspaces_audithead",
    "TRUNCATE workspaces_audithead",
    "UPDATE workspaces_audithead SET workspace_id = workspace_id",
    "DELETE FROM workspaces_auditstub",
    "TRUNCATE workspaces_auditstub",
    "UPDATE workspaces_auditstub SET last_number = 3",
    "INSERT INTO workspaces_auditstub SELECT * FROM workspaces_auditstub",
    "ALTER TABLE workspaces_auditentry DISABLE TRIGGER ALL",
    "DROP TRIGGER chain_audit_entry ON workspaces_auditentry",
    "SET session_replication_role = replica",
    "LOCK TABLE workspaces_auditstub IN ACCESS EXCLUSIVE MODE",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_console_changes_and_removes_nothing(workspace, statement):
    with workspace_scope(workspace.pk), refused(DatabaseError, "permission denied|must be owner"):
        run(statement)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_neither_does_the_platform(workspace, statement):
    with platform_scope("test"):
        run("SELECT set_config('agenhood.workspace_id', %s, true)", [str(workspace.pk)])
        with refused(DatabaseError, "permission denied|must be owner"):
            run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workspaces_audithead SET number = 0",
        "UPDATE workspaces_audithead SET hash = ''",
        "INSERT INTO workspaces_audithead SELECT * FROM workspaces_audithead",
    ],
)
def test_only_an_entry_moves_the_head(workspace, statement):
    with workspace_scope(workspace.pk), refused(DatabaseError, "only an entry moves"):
        run(statement)


def test_an_insert_cannot_choose_its_place_time_or_hash(workspace):
    with workspace_scope(workspace.pk):
        AuditEntry.objects.create(
            number=77,
            time="2001-01-01T00:00:00Z",
            actor_kind="person",
            actor_label="eve",
            action="a.b",
            previous_hash=b"x",
            hash=b"y",
        )
        stored = AuditEntry.objects.latest("number")

    assert stored.number == 2
    assert stored.time.year > 2001
    assert verify(workspace.pk).faults == []


def test_nobody_adds_to_another_workspaces_trail(workspace):
    other = WorkspaceFactory()
    with workspace_scope(workspace.pk), refused(DatabaseError, "row-level security"):
        run(
            "INSERT INTO workspaces_auditentry (id, workspace_id, number, time, actor_kind,"
            " actor_id, actor_label, on_behalf_of, token_prefix, session, action, target_kind,"
            " target_id, target_label, outcome, reason, user_agent, request_id, changes,"
            " previous_hash, hash) SELECT gen_random_uuid(), %s, 0, now(), 'person', '', 'eve', '',"
            " '', '', 'a.b', '', '', '', 'done', '', '', '', '{}', '', ''",
            [other.pk],
        )


def test_the_platform_adds_to_a_trail_and_reads_none(workspace):
    """Vector 41."""
    with platform_scope("test"):
        run("SELECT set_config('agenhood.workspace_id', %s, true)", [str(workspace.pk)])
        for column in ("*", "number", "1"):
            with refused(DatabaseError, "permission denied"):
                rows(f"SELECT {column} FROM workspaces_auditentry")
        with refused(DatabaseError, "permission denied"):
            rows("SELECT 1 FROM workspaces_auditstub")


def test_two_who_write_at_once_are_put_in_line_and_others_do_not_wait(committed_db):
    """Who holds a place holds it until the commit; another workspace's entry is written."""
    workspace, other = WorkspaceFactory(), WorkspaceFactory()
    done = []

    def write(place):
        try:
            with workspace_scope(place.pk):
                record("project.change")
            done.append(place)
        finally:
            connections.close_all()

    with postgres.superuser() as superuser, superuser.transaction():
        superuser.execute(
            "SELECT FROM workspaces_audithead WHERE workspace_id = %s FOR NO KEY UPDATE",
            [workspace.pk],
        )
        waiting = threading.Thread(target=write, args=[workspace])
        free = threading.Thread(target=write, args=[other])
        waiting.start()
        free.start()
        free.join(10)
        assert done == [other]
    waiting.join(10)

    assert done == [other, workspace]
    assert verify(workspace.pk).faults == verify(other.pk).faults == []


def test_many_who_write_at_once_make_one_chain(committed_db):
    """The very first entries included, which make the head."""
    workspace = WorkspaceFactory()
    project = ProjectFactory(workspace=workspace)
    with postgres.superuser() as superuser:
        superuser.execute("TRUNCATE workspaces_auditentry, workspaces_audithead")
    failed = []

    def write():
        try:
            for _ in range(5):
                with workspace_scope(workspace.pk):
                    record("project.change", project)
                    record("project.change", project)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failed == []
    report = verify(workspace.pk)
    assert (report.faults, report.count) == ([], 40)


def test_whoever_locks_rows_after_recording_deadlocks_with_nobody(committed_db):
    """Two who lock and record the other way round: what is recorded is stored last."""
    workspace = WorkspaceFactory()
    projects = [ProjectFactory(workspace=workspace) for _ in range(2)]
    table = projects[0]._meta.db_table
    met = threading.Barrier(2, timeout=10)
    failed = []

    def first():
        with workspace_scope(workspace.pk):
            record("project.change", projects[0])
            met.wait()
            run(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [projects[1].pk])

    def second():
        with workspace_scope(workspace.pk):
            run(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [projects[1].pk])
            met.wait()
            record("project.change", projects[1])

    def guarded(work):
        try:
            work()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guarded, args=[work]) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failed == []
