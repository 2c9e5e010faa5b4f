"""What `record()` stores, with whom, and that it stands or falls with the change."""

import json
import logging
import re
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.pq import TransactionStatus

from tests import postgres
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from workspaces.audit import Actor, acting, record, record_denied
from workspaces.audit.models import AuditEntry, AuditHead
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import NoActiveWorkspace, person_scope, platform_scope, workspace_scope


@pytest.fixture
def project(db):
    return ProjectFactory(name="Kestrel")


@pytest.fixture
def workspace(project):
    return project.workspace


def trail(workspace):
    """Return the workspace's entries but for the first one, its making."""
    with workspace_scope(workspace.pk):
        return list(AuditEntry.objects.order_by("number"))[1:]


def test_entries_are_numbered_and_chained_in_each_workspace(project, workspace):
    other = ProjectFactory()
    for each in (project, other, project):
        with workspace_scope(each.workspace_id):
            record("project.change", each)
            record("project.archive", each)

    for place, count in ((workspace, 5), (other.workspace, 3)):
        with workspace_scope(place.pk):
            entries = list(AuditEntry.objects.order_by("number"))
            assert [entry.number for entry in entries] == list(range(1, count + 1))
            for before, entry in zip([None, *entries], entries, strict=False):
                assert entry.previous_hash == (before.hash if before else bytes(32))
            assert AuditHead.objects.get().hash == entries[-1].hash
            assert sorted(entry.time for entry in entries) == [entry.time for entry in entries]


def test_an_entry_says_what_was_done_to_what(project, workspace):
    with workspace_scope(workspace.pk):
        record("project.change", project, changes={"name": ("Harrier", "Kestrel")}, reason="Typo")

    (entry,) = trail(workspace)
    assert entry.action == "project.change"
    assert (entry.target_kind, entry.target_id) == ("project", str(project.pk))
    assert (entry.target_label, entry.outcome, entry.reason) == ("Kestrel", "done", "Typo")
    assert entry.changes == {"name": ["Harrier", "Kestrel"]}


def test_an_entry_outlives_what_it_names(project, workspace):
    with workspace_scope(workspace.pk):
        record("project.delete", project)
        gone = project.pk
        project.delete()

    (entry,) = trail(workspace)
    assert (entry.target_id, entry.target_label) == (str(gone), "Kestrel")


def test_a_deletion_is_recorded_before_it_is_done(project, workspace):
    with workspace_scope(workspace.pk):
        project.delete()
        with pytest.raises(ValueError, match="before"):
            record("project.delete", project)


def test_what_is_taken_back_leaves_no_entry(project, workspace):
    with workspace_scope(workspace.pk):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record("project.change", project)
            raise ZeroDivisionError
        record("project.archive", project)
    with pytest.raises(ZeroDivisionError), workspace_scope(workspace.pk):
        record("project.restore", project)
        raise ZeroDivisionError
    with workspace_scope(workspace.pk):
        record("project.restore", project)
        transaction.set_rollback(True)

    assert [entry.action for entry in trail(workspace)] == ["project.archive"]


def test_a_change_whose_entry_cannot_be_stored_is_taken_back(project, workspace):
    with pytest.raises(Exception, match="row-level security"), workspace_scope(workspace.pk):
        project.name = "Kite"
        project.save()
        record("project.change", project)
        with connection.cursor() as cursor:  # what the database would refuse, whatever it is
            cursor.execute("SELECT set_config('agenhood.workspace_id', %s, true)", [str(uuid4())])

    with workspace_scope(workspace.pk):
        project.refresh_from_db()
        assert project.name == "Kestrel"
        record("project.change", project)  # the scope is as good as new


def test_nested_scopes_store_each_entry_once(project, workspace):
    with workspace_scope(workspace.pk):
        with workspace_scope(workspace.pk):
            record("project.change", project)
        record("project.archive", project)

    assert [entry.action for entry in trail(workspace)] == ["project.change", "project.archive"]


def test_outside_any_workspace_nothing_is_recorded(project):
    with pytest.raises(NoActiveWorkspace):
        record("project.change", project)
    with platform_scope("test"), pytest.raises(NoActiveWorkspace):
        record("workspace.change")


def test_the_scope_says_whose_trail_it_is_not_the_target(project, workspace):
    other = ProjectFactory()
    with workspace_scope(workspace.pk):
        record("project.change", other)

    assert len(trail(workspace)) == 1
    assert trail(other.workspace) == []


def test_a_person_outside_a_workspace_is_on_the_trail_of_what_they_name(workspace):
    member = MembershipFactory(workspace=workspace)
    with person_scope(member.user_id):
        record("invitation.accept", Workspace.objects.get(pk=workspace.pk))
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('agenhood.workspace_id', true)")
            assert not cursor.fetchone()[0]

    (entry,) = trail(workspace)
    assert (entry.actor_kind, entry.actor_label) == ("person", member.user.email)


def test_who_acts_is_said_by_the_context(project, workspace):
    robot = Actor(
        "token", "Nightly", "17", on_behalf_of="ann@acme.test", token_prefix="agh_3f", ip="::1"
    )
    with acting(robot), workspace_scope(workspace.pk):
        record("project.change", project)

    (entry,) = trail(workspace)
    assert (entry.actor_kind, entry.actor_label, entry.actor_id) == ("token", "Nightly", "17")
    assert (entry.on_behalf_of, entry.token_prefix) == ("ann@acme.test", "agh_3f")
    assert entry.ip == "::1"


def test_who_acts_is_else_the_scopes_person_else_the_system(project, workspace):
    member = MembershipFactory(workspace=workspace)
    for user_id in (member.user_id, None):
        with workspace_scope(workspace.pk, user_id=user_id):
            record("project.change", project)

    assert [(entry.actor_kind, entry.actor_label) for entry in trail(workspace)] == [
        ("person", member.user.email),
        ("system", "system"),
    ]


def test_a_refusal_has_a_transaction_of_its_own(workspace):
    record_denied(
        workspace.pk, "project.archive", reason="needs project.edit", target_kind="project"
    )

    (entry,) = trail(workspace)
    assert (entry.outcome, entry.reason) == ("denied", "needs project.edit")


@pytest.mark.parametrize("text", ["nul \0 in it", "half \ud800 a pair", "long " * 500, "🦆"])
def test_no_text_is_too_odd(project, workspace, text):
    project.name = text
    with acting(Actor("person", text, text, user_agent=text)), workspace_scope(workspace.pk):
        record("project.change", project, changes={text: (text, [text, {text: text}])}, reason=text)

    (entry,) = trail(workspace)
    assert entry.target_label[:3] == text[:3]


def test_what_the_commit_refuses_leaves_no_entry_and_the_connection_as_it_was(committed_db):
    workspace = WorkspaceFactory()
    with pytest.raises(IntegrityError, match="owner"), workspace_scope(workspace.pk):
        record("test.try")
        Membership.objects.update(role=Role.VIEWER)

    assert connection.connection.info.transaction_status == TransactionStatus.IDLE
    with workspace_scope(workspace.pk):
        assert Membership.objects.get().role == Role.OWNER
        assert not AuditEntry.objects.filter(action="test.try").exists()


def test_an_entry_is_committed_with_its_scope_and_inside_another_transaction_with_that(
    committed_db,
):
    workspace = WorkspaceFactory()
    with postgres.superuser() as superuser:

        def committed():
            sql = "SELECT count(*) FROM workspaces_auditentry WHERE action = 'test.try'"
            return superuser.execute(sql).fetchone()[0]

        with workspace_scope(workspace.pk):
            record("test.try")
        assert committed() == 1
        with transaction.atomic():
            with workspace_scope(workspace.pk):
                record("test.try")
            assert connection.connection.info.transaction_status == TransactionStatus.INTRANS
            assert committed() == 1
        assert committed() == 2


@pytest.fixture
def lines(committed_db, caplog, monkeypatch):
    """Return a function that takes the lines logged since it was called last."""
    monkeypatch.setattr(logging.getLogger("agenhood.audit"), "propagate", True)
    caplog.set_level(logging.INFO, "agenhood.audit")

    def lines():
        found = [json.loads(r.message) for r in caplog.records if r.name == "agenhood.audit"]
        caplog.clear()
        return found

    return lines


def test_a_line_of_json_is_logged_once_it_is_committed(lines):
    project = ProjectFactory(name="Kestrel")
    lines()
    with workspace_scope(project.workspace_id):
        changes = {"name": ("Harrier", "Kestrel"), "api_key": ("old secret", "new secret")}
        record("project.change", project, changes=changes, reason="Kestrels")
        assert not lines()
    with pytest.raises(ZeroDivisionError), workspace_scope(project.workspace_id):
        record("project.archive", project)
        raise ZeroDivisionError

    (line,) = lines()
    with workspace_scope(project.workspace_id):
        entry = AuditEntry.objects.get(number=2)
    assert (line["number"], line["action"], line["target_id"]) == (2, entry.action, entry.target_id)
    assert line["changes"] == ["name", "api_key"]
    assert not {"Harrier", "Kestrel", "secret"} & set(re.findall(r"\w+", json.dumps(line)))
    assert line["hash"] == bytes(entry.hash).hex()
    assert line["workspace_id"] == str(project.workspace_id)


def test_the_platforms_line_has_number_and_hash_too(lines):
    workspace = WorkspaceFactory()

    (line,) = lines()
    with workspace_scope(workspace.pk):
        entry = AuditEntry.objects.get()
    assert (line["number"], line["hash"]) == (1, bytes(entry.hash).hex())
