"""`verify_audit` finds what somebody with all rights has done to a trail."""

import io

import pytest
from django.core.management import CommandError, call_command

from tests import postgres
from tests.factories import ProjectFactory, WorkspaceFactory
from workspaces.audit import record
from workspaces.audit import verify as audit_verify
from workspaces.audit.models import AuditEntry
from workspaces.audit.verify import verify
from workspaces.scope import workspace_scope

COUNT = 6
ODD = '"quoted", back\\slash, tab\t, line\r\n, bell\a, \x01\x1f\x7f, \u2028, Größe, 🦆, </script>'


@pytest.fixture
def workspace(committed_db):
    """A trail of six entries, beside another workspace's, which is whole."""
    workspace = WorkspaceFactory(slug="acme")
    for place in (WorkspaceFactory(slug="globex"), workspace):
        project = ProjectFactory(workspace=place, name="Kestrel")
        with workspace_scope(place.pk):
            for number in range(1, COUNT):
                changes = {"name": (f"Kite {number}", "Kestrel"), "Größe": (1, [None, True])}
                record("project.change", project, changes=changes, reason=ODD)
    return workspace


def tamper(workspace, *statements):
    """Run SQL as the superuser, past every trigger; {w} is the workspace's rows."""
    with postgres.superuser() as superuser, superuser.transaction():
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute(
            "CREATE TEMP TABLE acme ON COMMIT DROP AS SELECT %s::uuid AS id", [workspace.pk]
        )
        for statement in statements:
            superuser.execute(statement.replace("{w}", "workspace_id = (SELECT id FROM acme)"))


def faults(workspace, expected=None):
    return verify(workspace.pk, expected).faults


def command(*arguments):
    out = io.StringIO()
    status = 0
    try:
        call_command("verify_audit", *arguments, stdout=out)
    except SystemExit as end:
        status = end.code
    return status, out.getvalue()


def test_a_whole_trail_verifies(workspace):
    assert verify(workspace.pk).count == COUNT
    status, said = command()
    assert status == 0
    assert "ok    acme: 6 entries" in said
    assert "ok    globex: 6 entries" in said


def test_a_trail_with_nothing_in_it_verifies(committed_db):
    workspace = WorkspaceFactory()
    tamper(
        workspace,
        "DELETE FROM workspaces_auditentry WHERE {w}",
        "DELETE FROM workspaces_audithead WHERE {w}",
    )

    assert faults(workspace) == []


CHANGED = {
    "time": "time + interval '1 second'",
    "actor_kind": "'staff'",
    "actor_id": "'x'",
    "actor_label": "'eve'",
    "on_behalf_of": "'x'",
    "token_prefix": "'x'",
    "session": "'x'",
    "action": "'project.delete'",
    "target_kind": "'x'",
    "target_id": "'x'",
    "target_label": "'x'",
    "outcome": "'denied'",
    "reason": "'x'",
    "ip": "'192.0.2.1'",
    "user_agent": "'x'",
    "request_id": "'x'",
    "changes": "'{}'",
    "previous_hash": "sha256('x')",
    "hash": "sha256('x')",
    "id": "gen_random_uuid()",
}


def test_every_column_is_tried():
    columns = {field.column for field in AuditEntry._meta.concrete_fields}

    assert columns == {*CHANGED, "number", "workspace_id"}


@pytest.mark.parametrize("column", CHANGED)
def test_a_changed_entry_is_found_and_named(workspace, column):
    tamper(
        workspace,
        f"UPDATE workspaces_auditentry SET {column} = {CHANGED[column]} WHERE {{w}} AND number = 3",
    )

    assert "entry 3 was changed" in faults(workspace)
    assert command("globex")[0] == 0
    status, said = command()
    assert status == 1
    assert "FAULT acme: entry 3 was changed" in said
    assert "FAULT globex" not in said


@pytest.mark.parametrize("number", [3, COUNT])
def test_an_entry_that_was_changed_and_hashed_anew_is_found(workspace, number):
    tamper(
        workspace,
        f"UPDATE workspaces_auditentry SET actor_label = 'eve' WHERE {{w}} AND number = {number}",
        "UPDATE workspaces_auditentry AS e"
        " SET hash = sha256(convert_to(workspaces.audit_text(e), 'UTF8'))"
        f" WHERE {{w}} AND number = {number}",
    )

    (fault,) = faults(workspace)
    assert f"entry {number}" in fault


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("number = 1", "entry 1 was removed"),
        ("number = 3", "entry 3 was removed"),
        ("number IN (3, 4)", "entries 3 to 4 were removed"),
        (f"number = {COUNT}", f"entry {COUNT} was removed"),
        ("number > 2", f"entries 3 to {COUNT} were removed"),
        ("true", f"entries 1 to {COUNT} were removed"),
    ],
)
def test_removed_entries_are_found_and_named(workspace, removed, said):
    tamper(workspace, f"DELETE FROM workspaces_auditentry WHERE {{w}} AND {removed}")

    assert faults(workspace) == [said]


def test_a_trail_cut_short_with_its_head_is_found_by_a_hash_kept_elsewhere(workspace):
    with workspace_scope(workspace.pk):
        kept = AuditEntry.objects.get(number=5)
    tamper(
        workspace,
        "DELETE FROM workspaces_auditentry WHERE {w} AND number > 4",
        "UPDATE workspaces_audithead AS h SET number = 4, hash = e.hash"
        " FROM workspaces_auditentry AS e"
        " WHERE h.workspace_id = e.workspace_id AND e.number = 4"
        " AND h.workspace_id = (SELECT id FROM acme)",
    )

    assert faults(workspace) == []
    assert faults(workspace, {5: bytes(kept.hash).hex()}) == [
        "entry 5 is not there, and is expected"
    ]
    assert command("acme", "--expect", f"5:{bytes(kept.hash).hex()}")[0] == 1


def test_a_hash_kept_elsewhere_that_is_right_says_nothing(workspace):
    with workspace_scope(workspace.pk):
        kept = AuditEntry.objects.get(number=5)

    assert faults(workspace, {5: bytes(kept.hash).hex()}) == []
    assert "another hash" in faults(workspace, {5: "00" * 32})[0]


COPY = """
INSERT INTO workspaces_auditentry
SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'number', {number}))).*
  FROM workspaces_auditentry AS e WHERE {{w}} AND e.number = 2
"""


def test_an_inserted_entry_is_found(workspace):
    tamper(
        workspace,
        "UPDATE workspaces_auditentry SET number = number + 1000 WHERE {w} AND number > 3",
        "UPDATE workspaces_auditentry SET number = number - 999 WHERE {w} AND number > 1000",
        COPY.format(number=4),
    )

    found = faults(workspace)
    assert any(fault.startswith("entry 4 does not follow entry 3") for fault in found)
    assert "entry 4 was changed" in found


def test_an_entry_behind_the_end_is_found(workspace):
    tamper(workspace, COPY.format(number=COUNT + 1))

    assert any("entry 7" in fault or "behind the end" in fault for fault in faults(workspace))


def test_a_number_that_is_there_twice_is_found(workspace):
    with postgres.superuser() as superuser:
        superuser.execute(
            "ALTER TABLE workspaces_auditentry DROP CONSTRAINT workspaces_auditentry_number"
        )
    try:
        tamper(workspace, COPY.format(number=3))
        assert any("entry 3 was" in fault for fault in faults(workspace))
    finally:
        tamper(workspace, "DELETE FROM workspaces_auditentry")
        with postgres.superuser() as superuser:
            superuser.execute(
                "ALTER TABLE workspaces_auditentry ADD CONSTRAINT workspaces_auditentry_number"
                " UNIQUE (workspace_id, number)"
            )


def test_entries_in_each_others_place_are_found(workspace):
    tamper(
        workspace,
        "UPDATE workspaces_auditentry SET number = -1 WHERE {w} AND number = 3",
        "UPDATE workspaces_auditentry SET number = 3 WHERE {w} AND number = 4",
        "UPDATE workspaces_auditentry SET number = 4 WHERE {w} AND number = -1",
    )

    found = faults(workspace)
    assert "entry 3 was changed" in found
    assert "entry 4 was changed" in found


def test_an_entry_of_another_workspaces_trail_is_found(workspace):
    tamper(
        workspace,
        "DELETE FROM workspaces_auditentry WHERE {w} AND number = 3",
        "UPDATE workspaces_auditentry SET workspace_id = (SELECT id FROM acme) WHERE number = 3",
    )

    assert "entry 3 was changed" in faults(workspace)


def test_entries_written_meanwhile_are_no_fault(workspace, monkeypatch):
    with workspace_scope(workspace.pk):
        read = audit_verify._entries

        def entries(upto):
            with postgres.superuser() as superuser:  # another connection: somebody else's request
                superuser.execute(
                    "SELECT set_config('agenhood.workspace_id', %s, false)", [str(workspace.pk)]
                )
                superuser.execute(
                    "INSERT INTO workspaces_auditentry (id, workspace_id, number, time, actor_kind,"
                    " actor_id, actor_label, on_behalf_of, token_prefix, session, action,"
                    " target_kind, target_id, target_label, outcome, reason, user_agent,"
                    " request_id, changes, previous_hash, hash) SELECT gen_random_uuid(), %s, 0,"
                    " now(), 'system', '', 'x', '', '', '', 'a.b', '', '', '', 'done', '', '', '',"
                    " '{}', '', ''",
                    [workspace.pk],
                )
            return read(upto)

        monkeypatch.setattr(audit_verify, "_entries", entries)
        assert verify(workspace.pk).faults == []
    with workspace_scope(workspace.pk):
        assert AuditEntry.objects.latest("number").number == COUNT + 1


def test_the_command_says_what_it_does_not_know(workspace):
    with pytest.raises(CommandError, match="no workspace nowhere"):
        call_command("verify_audit", "acme", "nowhere")
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        call_command("verify_audit", "acme", "--expect", "5")
    with pytest.raises(CommandError, match="one workspace"):
        call_command("verify_audit", "--expect", "5:" + "0" * 64)
