"""The old end of a trail is removed by who may, verified before, and signed for after."""

import base64
import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from tests import postgres
from tests.factories import WorkspaceFactory
from workspaces.audit import record
from workspaces.audit.models import AuditEntry, AuditStub
from workspaces.audit.retention import TrailBroken, prune
from workspaces.audit.stub import resign_all
from workspaces.audit.verify import verify
from workspaces.database.roles import OWNER
from workspaces.isolation import faults
from workspaces.scope import workspace_scope


@pytest.fixture
def owner(committed_db):
    """A connection of the tables' owner, as AGENHOOD_OWNER_DATABASE_URL makes one for commands."""
    login = {"USER": OWNER, "PASSWORD": postgres.PASSWORDS[OWNER]}
    connections.settings["owner"] = {**connections.settings["default"], **login}
    yield "owner"
    connections["owner"].close()
    del connections["owner"], connections.settings["owner"]


@pytest.fixture
def workspace(committed_db):
    """A trail of six entries, beside another workspace's."""
    workspace, other = WorkspaceFactory(slug="acme"), WorkspaceFactory(slug="globex")
    for place in (workspace, other):
        write(place, 5)
    return workspace


def write(workspace, count):
    for _ in range(count):
        with workspace_scope(workspace.pk):
            record("project.change")


def now():
    return timezone.now() + timedelta(minutes=1)


def numbers(workspace):
    with workspace_scope(workspace.pk):
        return list(AuditEntry.objects.order_by("number").values_list("number", flat=True))


def time_of(workspace, number):
    with workspace_scope(workspace.pk):
        return AuditEntry.objects.get(number=number).time


def tamper(workspace, statement):
    with postgres.superuser() as superuser, superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute(statement, [workspace.pk])


def test_old_entries_go_and_the_rest_verifies(workspace, owner):
    assert prune(workspace.pk, time_of(workspace, 4), using=owner) == 3

    assert numbers(workspace) == [4, 5, 6, 7]
    report = verify(workspace.pk)
    assert (report.faults, report.count, report.last) == ([], 4, 7)
    with workspace_scope(workspace.pk):
        last = AuditEntry.objects.latest("number")
        assert (last.action, last.actor_kind) == ("audit.prune", "system")
        assert last.changes == {"entries": ["1 to 3", None]}
        stub = AuditStub.objects.get()
    assert (stub.first_number, stub.last_number) == (1, 3)


def test_it_can_be_done_again_and_go_on(workspace, owner):
    prune(workspace.pk, time_of(workspace, 3), using=owner)
    assert prune(workspace.pk, time_of(workspace, 3), using=owner) == 0
    prune(workspace.pk, now(), using=owner)
    write(workspace, 2)

    assert numbers(workspace) == [8, 9, 10]
    assert verify(workspace.pk).faults == []


def test_nobody_elses_entries_go(workspace, owner):
    with postgres.superuser() as superuser:
        before = superuser.execute(
            "SELECT count(*) FROM workspaces_auditentry WHERE workspace_id <> %s", [workspace.pk]
        ).fetchone()

        prune(workspace.pk, now(), using=owner)

        assert before == (6,)
        assert (
            superuser.execute(
                "SELECT count(*) FROM workspaces_auditentry WHERE workspace_id <> %s",
                [workspace.pk],
            ).fetchone()
            == before
        )


def test_a_trail_that_does_not_verify_is_left_alone(workspace, owner):
    tamper(
        workspace,
        "UPDATE workspaces_auditentry SET action = 'x.y' WHERE workspace_id = %s AND number = 2",
    )

    with pytest.raises(TrailBroken, match="entry 2 was changed"):
        prune(workspace.pk, now(), using=owner)

    assert numbers(workspace) == [1, 2, 3, 4, 5, 6]


def test_the_consoles_own_role_cannot_do_it(workspace):
    with pytest.raises(Exception, match="permission denied"):
        prune(workspace.pk, now(), using="default")

    assert len(numbers(workspace)) == 6


REMOVED_BY_HAND = "DELETE FROM workspaces_auditentry WHERE workspace_id = %s AND number < 6"


@pytest.mark.parametrize(
    "change",
    [
        "last_number = last_number + 1",
        "first_number = first_number - 1",
        "last_hash = sha256('x')",
        "last_time = last_time - interval '1 day'",
        "removed_at = removed_at - interval '1 day'",
        "signature = '\\x00'",
        "signature = set_byte(signature, 30, (get_byte(signature, 30) + 1) %% 256)",
    ],
)
def test_a_changed_stub_is_found(workspace, owner, change):
    prune(workspace.pk, time_of(workspace, 4), using=owner)

    tamper(workspace, f"UPDATE workspaces_auditstub SET {change} WHERE workspace_id = %s")

    assert any("no valid signature" in fault for fault in verify(workspace.pk).faults)


def test_a_removed_stub_is_found(workspace, owner):
    prune(workspace.pk, time_of(workspace, 4), using=owner)

    tamper(workspace, "DELETE FROM workspaces_auditstub WHERE workspace_id = %s")

    assert verify(workspace.pk).faults == ["entries 1 to 3 were removed"]


def test_a_stub_of_another_workspace_does_not_stand_for_this_ones_entries(workspace, owner):
    prune(workspace.pk, time_of(workspace, 4), using=owner)
    with postgres.superuser() as superuser:
        (other,) = superuser.execute(
            "SELECT id FROM workspaces_workspace WHERE id <> %s", [workspace.pk]
        ).fetchone()
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(
            "DELETE FROM workspaces_auditentry WHERE workspace_id = %s AND number < 4", [other]
        )
        superuser.execute("UPDATE workspaces_auditstub SET workspace_id = %s", [other])

    assert any("no valid signature" in fault for fault in verify(other).faults)


def test_removing_more_than_the_stub_says_is_found(workspace, owner):
    prune(workspace.pk, time_of(workspace, 3), using=owner)

    tamper(workspace, REMOVED_BY_HAND)

    assert verify(workspace.pk).faults == ["entries 3 to 5 were removed"]


def test_what_was_removed_does_not_come_back(workspace, owner):
    prune(workspace.pk, time_of(workspace, 4), using=owner)

    tamper(
        workspace,
        "INSERT INTO workspaces_auditentry SELECT (jsonb_populate_record(e, jsonb_build_object("
        "'id', gen_random_uuid(), 'number', 2))).* FROM workspaces_auditentry AS e"
        " WHERE workspace_id = %s AND number = 5",
    )

    assert verify(workspace.pk).faults == ["entry 2 was inserted: there has been one already"]


def test_a_hash_kept_elsewhere_of_the_last_removed_entry_still_fits(workspace, owner):
    with workspace_scope(workspace.pk):
        kept = {n: bytes(h).hex() for n, h in AuditEntry.objects.values_list("number", "hash")}
    prune(workspace.pk, time_of(workspace, 4), using=owner)

    assert verify(workspace.pk, kept).faults == []
    assert "another hash" in verify(workspace.pk, {3: "00" * 32}).faults[0]


def test_a_new_master_key_signs_anew(workspace, owner, settings):
    prune(workspace.pk, time_of(workspace, 4), using=owner)
    old = settings.AGENHOOD_MASTER_KEY
    new = base64.b64encode(bytes(range(32))).decode()

    assert resign_all() == 0
    settings.AGENHOOD_MASTER_KEY = f"{new},{old}"
    assert resign_all() == 1
    assert resign_all() == 0
    settings.AGENHOOD_MASTER_KEY = new

    assert verify(workspace.pk).faults == []
    settings.AGENHOOD_MASTER_KEY = old
    assert any("no valid signature" in fault for fault in verify(workspace.pk).faults)


def command():
    out = io.StringIO()
    call_command("prune_audit", stdout=out)
    return out.getvalue()


def test_the_command_keeps_everything_unless_told_for_how_long(workspace, owner, settings):
    settings.AGENHOOD_AUDIT_RETENTION_DAYS = 0

    assert "everything is kept" in command()
    assert len(numbers(workspace)) == 6


def test_the_command_removes_what_is_older(workspace, owner, settings, monkeypatch):
    settings.AGENHOOD_AUDIT_RETENTION_DAYS = 30

    assert "acme: 0 removed" in command()
    later = timezone.now() + timedelta(days=31)
    monkeypatch.setattr("workspaces.management.commands.prune_audit.timezone.now", lambda: later)
    assert command() == "acme: 6 removed\nglobex: 6 removed\n"
    assert numbers(workspace) == [7]
    monkeypatch.undo()
    assert verify(workspace.pk).faults == []


def test_the_command_says_which_trail_it_left_alone(workspace, owner, settings):
    settings.AGENHOOD_AUDIT_RETENTION_DAYS = 30
    tamper(
        workspace,
        "UPDATE workspaces_auditentry SET time = time - interval '40 days'"
        " WHERE workspace_id = %s AND number = 1",
    )

    with pytest.raises(CommandError, match="acme: entry 1 was changed"):
        command()

    assert len(numbers(workspace)) == 6


def test_the_command_needs_the_owners_login(committed_db, settings):
    settings.AGENHOOD_AUDIT_RETENTION_DAYS = 30

    with pytest.raises(CommandError, match="AGENHOOD_OWNER_DATABASE_URL"):
        command()


PLANTED = [
    "GRANT UPDATE ON workspaces_auditentry TO agenhood_app",
    "GRANT UPDATE (reason) ON workspaces_auditentry TO agenhood_app",
    "GRANT DELETE ON workspaces_auditentry TO agenhood_app",
    "GRANT TRUNCATE ON workspaces_auditentry TO agenhood_app",
    "GRANT SELECT ON workspaces_auditentry TO agenhood_platform",
    "GRANT SELECT (number) ON workspaces_auditentry TO agenhood_platform",
    "GRANT DELETE ON workspaces_auditentry TO agenhood_platform",
    "GRANT UPDATE ON workspaces_audithead TO agenhood_app",
    "GRANT DELETE ON workspaces_audithead TO agenhood_app",
    "GRANT INSERT ON workspaces_auditstub TO agenhood_app",
    "GRANT DELETE ON workspaces_auditstub TO agenhood_app",
    "GRANT SELECT ON workspaces_auditstub TO agenhood_platform",
    "DROP TRIGGER chain_audit_entry ON workspaces_auditentry",
    "ALTER TABLE workspaces_auditentry DISABLE TRIGGER chain_audit_entry",
    "DROP TRIGGER guard_audit_head ON workspaces_audithead",
]


@pytest.mark.parametrize("statement", PLANTED)
def test_check_isolation_finds_a_trail_that_is_guarded_no_more(superuser_db, statement):
    with superuser_db.cursor() as cursor:
        cursor.execute("SET LOCAL SESSION AUTHORIZATION agenhood_app")
        assert not [fault for fault in faults() if "audit" in fault.table]
        cursor.execute("RESET SESSION AUTHORIZATION")
        cursor.execute(statement)
        cursor.execute("SET LOCAL SESSION AUTHORIZATION agenhood_app")

        found = [fault for fault in faults() if "audit" in fault.table]
    assert found
