"""Credentials over time: which value a task opens, and when a value is gone."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.master_key import CannotOpen
from accounts.models import User
from agenhood.fleet.actions import credential as actions
from agenhood.fleet.actions.credential import (
    CredentialInUse,
    CredentialRefused,
    EditConflict,
    NotOpened,
)
from agenhood.fleet.models import Agent, Credential, CredentialGrant, CredentialVersion, Task
from tests.factories import (
    AgentFactory,
    CredentialFactory,
    CredentialVersionFactory,
    TaskFactory,
    UserFactory,
    WorkspaceFactory,
)
from workspaces.models import AuditEntry, Workspace
from workspaces.scope import workspace_scope
from workspaces.secrets import fingerprint

FIRST, SECOND, THIRD = (b"value-%d-0123456789" % number for number in (1, 2, 3))


@pytest.fixture
def person(db: None) -> User:
    return UserFactory()


@pytest.fixture
def acme(db: None) -> Workspace:
    return WorkspaceFactory(slug="acme")


@pytest.fixture
def credential(acme: Workspace, person: User) -> Credential:
    with workspace_scope(acme.pk):
        made = store(person)
    made.workspace = acme
    return made


def store(by: User, name: str = "Harrier", secret: bytes = FIRST, **kwargs: Any) -> Credential:
    given = {"kind": "token", "fields": {}, "expires_at": None} | kwargs
    return actions.create(name=name, secret=secret, by=by, **given)


def rotated(credential: Credential, secret: bytes, by: User) -> None:
    stored = Credential.objects.get(pk=credential.pk)
    actions.rotate(stored, secret=secret, by=by, seen=stored.current_version)


def running_task(credential: Credential, **kwargs: Any) -> Task:
    """A task that runs from now on, of an agent that was given the credential."""
    given = {"state": Task.State.RUNNING, "started_at": timezone.now()} | kwargs
    task = TaskFactory(workspace=credential.workspace, **given)
    with workspace_scope(credential.workspace_id):
        CredentialGrant.objects.create(agent=task.agent, credential=credential, variable="KEY")
    return task


def opened(credential: Credential, task: Task) -> bytes:
    with workspace_scope(credential.workspace_id):
        return actions.open_for_task(credential, task).reveal()


def kept(credential: Credential) -> list[int]:
    """Return the numbers of the versions whose values are still there."""
    with workspace_scope(credential.workspace_id):
        versions = credential.versions.exclude(sealed=None)
        return sorted(versions.values_list("number", flat=True))


def trail(workspace: Workspace) -> list[tuple[str, Any]]:
    with workspace_scope(workspace.pk):
        rows = AuditEntry.objects.filter(target_kind="credential").order_by("number")
        return list(rows.values_list("action", "changes"))


# Opening


def test_a_running_task_opens_what_its_agent_was_given(credential: Credential) -> None:
    task = running_task(credential)

    assert opened(credential, task) == FIRST
    with workspace_scope(credential.workspace_id):
        stored = Credential.objects.get()
        assert stored.last_used_by_id == task.pk
        assert timezone.now() - stored.last_used_at < timedelta(minutes=1)


def test_an_agents_own_provider_credential_is_given_to_it(credential: Credential) -> None:
    agent = AgentFactory(workspace=credential.workspace, provider_credential=credential)
    task = TaskFactory(
        workspace=credential.workspace,
        conversation__agent=agent,
        state=Task.State.RUNNING,
        started_at=timezone.now(),
    )

    assert opened(credential, task) == FIRST


def test_what_is_opened_does_not_show_itself(credential: Credential) -> None:
    task = running_task(credential)
    with workspace_scope(credential.workspace_id):
        assert FIRST.decode() not in repr(actions.open_for_task(credential, task))


def test_an_agent_that_was_not_given_it_opens_nothing(credential: Credential) -> None:
    other = TaskFactory(
        workspace=credential.workspace, state=Task.State.RUNNING, started_at=timezone.now()
    )

    with pytest.raises(NotOpened, match="not given"):
        opened(credential, other)


@pytest.mark.parametrize("state", [s for s in Task.State if s != Task.State.RUNNING])
def test_a_task_that_does_not_run_opens_nothing(credential: Credential, state: str) -> None:
    task = running_task(credential, state=state)

    with pytest.raises(NotOpened, match="not given"):
        opened(credential, task)


def test_an_expired_or_revoked_credential_is_not_opened(
    credential: Credential, person: User
) -> None:
    task = running_task(credential)
    with workspace_scope(credential.workspace_id):
        Credential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotOpened, match="expired"):
        opened(credential, task)

    with workspace_scope(credential.workspace_id):
        actions.revoke(credential)
    with pytest.raises(NotOpened, match="revoked"):
        opened(credential, task)
    with workspace_scope(credential.workspace_id):
        assert Credential.objects.get().last_used_at is None


def test_the_task_of_another_workspace_opens_nothing(credential: Credential, person: User) -> None:
    theirs = running_task(CredentialVersionFactory().credential)

    with pytest.raises(NotOpened):
        opened(credential, theirs)


def test_a_value_moved_to_another_row_or_workspace_does_not_open(
    credential: Credential, person: User
) -> None:
    with workspace_scope(credential.workspace_id):
        second = store(person, "Kite", SECOND)
    second.workspace = credential.workspace
    elsewhere = CredentialVersionFactory().credential
    with workspace_scope(credential.workspace_id):
        sealed = credential.versions.get().sealed
        second.versions.update(sealed=sealed)
    with workspace_scope(elsewhere.workspace_id):
        elsewhere.versions.update(sealed=sealed)

    for moved_to in (second, elsewhere):
        with pytest.raises(CannotOpen):
            opened(moved_to, running_task(moved_to))


# Rotating


def test_running_tasks_keep_their_version_and_later_ones_get_the_new_one(
    credential: Credential, person: User
) -> None:
    before = running_task(credential)
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)
    between = running_task(credential)
    with workspace_scope(credential.workspace_id):
        rotated(credential, THIRD, person)
    after = running_task(credential)

    assert [opened(credential, task) for task in (before, between, after)] == [
        FIRST,
        SECOND,
        THIRD,
    ]
    assert kept(credential) == [1, 2, 3]


def test_an_old_value_is_forgotten_once_no_running_task_began_with_it(
    credential: Credential, person: User
) -> None:
    task = running_task(credential)
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)
        assert actions.forget_unused_versions() == 0
        Task.objects.filter(pk=task.pk).update(state=Task.State.SUCCEEDED)
        assert actions.forget_unused_versions() == 1

    assert kept(credential) == [2]
    with workspace_scope(credential.workspace_id):
        forgotten = credential.versions.get(number=1)
        assert forgotten.forgotten_at is not None
        assert forgotten.fingerprint == fingerprint(FIRST)


def test_the_next_task_that_opens_it_has_old_values_forgotten(
    credential: Credential, person: User
) -> None:
    task = running_task(credential)
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)
        Task.objects.filter(pk=task.pk).update(state=Task.State.FAILED)

    assert opened(credential, running_task(credential)) == SECOND
    assert kept(credential) == [2]


def test_a_credential_that_nothing_uses_keeps_no_old_value(
    credential: Credential, person: User
) -> None:
    queued = running_task(credential, state=Task.State.QUEUED, started_at=None)
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)

    assert kept(credential) == [2]
    with workspace_scope(credential.workspace_id):
        Task.objects.filter(pk=queued.pk).update(
            state=Task.State.RUNNING, started_at=timezone.now()
        )
        queued.refresh_from_db()
    assert opened(credential, queued) == SECOND


def test_a_rotation_of_what_somebody_else_has_rotated_is_refused(
    credential: Credential, person: User
) -> None:
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)
        with pytest.raises(EditConflict):
            actions.rotate(credential, secret=THIRD, by=person, seen=1)
        assert CredentialVersion.objects.count() == 2


# Revoking and deleting


def test_revoking_forgets_every_value(credential: Credential, person: User) -> None:
    running_task(credential)
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)
        assert kept(credential) == [1, 2]
        actions.revoke(credential)
        with pytest.raises(CredentialRefused, match="revoked"):
            rotated(credential, THIRD, person)

    assert kept(credential) == []


def test_a_credential_that_an_agent_uses_is_not_deleted(
    credential: Credential, person: User
) -> None:
    AgentFactory(
        workspace=credential.workspace, provider_credential=credential, state=Agent.State.ARCHIVED
    )
    with workspace_scope(credential.workspace_id):
        with pytest.raises(CredentialInUse):
            actions.delete(credential)
        assert Credential.objects.count() == 1
        assert actions.agents_using(credential) == []
        assert len(actions.agents_holding(credential)) == 1

    assert [action for action, _changes in trail(credential.workspace)] == ["credential.create"]


def test_a_deleted_credential_leaves_no_version(credential: Credential) -> None:
    with workspace_scope(credential.workspace_id):
        actions.delete(credential)
        assert CredentialVersion.objects.count() == 0
        with pytest.raises(CredentialRefused, match="deleted"):
            actions.revoke(credential)


def test_a_value_is_either_there_or_forgotten(credential: Credential) -> None:
    with (
        workspace_scope(credential.workspace_id),
        pytest.raises(IntegrityError, match="gone_iff_forgotten"),
        transaction.atomic(),
    ):
        CredentialVersion.objects.update(sealed=None)


# Noticing


def test_the_same_secret_is_found_in_its_own_workspace_only(
    credential: Credential, person: User
) -> None:
    elsewhere = CredentialVersionFactory(secret=FIRST)
    with workspace_scope(credential.workspace_id):
        found = actions.stored_before(FIRST)
        assert found is not None
        assert found.credential == credential
        assert actions.stored_before(SECOND) is None
        assert actions.stored_before(b"") is None
        mine = found.fingerprint
    with workspace_scope(elsewhere.workspace_id):
        assert elsewhere.fingerprint != mine
        assert actions.stored_before(FIRST) == elsewhere


def test_two_credentials_without_a_value_are_not_the_same(acme: Workspace, person: User) -> None:
    with workspace_scope(acme.pk):
        for name in ("one", "other"):
            empty = store(person, name, b"", kind="openai", fields={"base_url": "http://here/v1"})
            assert empty.versions.get().fingerprint == ""
            assert empty.versions.get().last_four == ""

    empty.workspace = acme
    assert opened(empty, running_task(empty)) == b""


def test_what_expires_within_a_week_or_has_is_expiring(acme: Workspace) -> None:
    now = timezone.now()
    for name, after in [("over", -1), ("soon", 6.9), ("later", 7.1), ("revoked", 1)]:
        CredentialFactory(
            workspace=acme,
            name=name,
            expires_at=now + timedelta(days=after),
            revoked_at=now if name == "revoked" else None,
        )
    CredentialFactory(workspace=acme, name="never")
    CredentialFactory(expires_at=now)
    with workspace_scope(acme.pk):
        assert [c.name for c in Credential.objects.expiring()] == ["over", "soon"]
        over, soon, later = (
            Credential.objects.get(name=name) for name in ("over", "soon", "later")
        )
        assert (over.is_expired, over.expires_soon) == (True, False)
        assert (soon.is_expired, soon.expires_soon) == (False, True)
        assert (later.is_expired, later.expires_soon) == (False, False)


# The trail


def test_the_trail_says_what_was_done_and_no_value(credential: Credential, person: User) -> None:
    with workspace_scope(credential.workspace_id):
        rotated(credential, SECOND, person)
        actions.change(Credential.objects.get(), name="Kestrel", fields={}, expires_at=None, seen=1)
        actions.revoke(credential)
        actions.delete(credential)
    rows = trail(credential.workspace)

    assert [action for action, _changes in rows] == [
        "credential.create",
        "credential.rotate",
        "credential.change",
        "credential.revoke",
        "credential.delete",
    ]
    assert rows[0][1] == {"name": ["", "Harrier"], "kind": ["", "token"], "value": ["", "set"]}
    assert rows[1][1] == {"value": ["set", "replaced"], "version": [1, 2]}
    assert rows[2][1] == {"name": ["Harrier", "Kestrel"]}
    assert rows[3][1] == {"value": ["set", "removed"]}


def test_changing_is_refused_when_somebody_else_was_quicker(credential: Credential) -> None:
    with workspace_scope(credential.workspace_id):
        actions.change(credential, name="Kestrel", fields={}, expires_at=None, seen=1)
        with pytest.raises(EditConflict) as conflict:
            actions.change(credential, name="Merlin", fields={}, expires_at=None, seen=1)
        assert conflict.value.credential.name == "Kestrel"
        assert Credential.objects.get().name == "Kestrel"


def test_a_name_that_is_taken_at_the_last_moment_is_refused(
    credential: Credential, person: User
) -> None:
    with workspace_scope(credential.workspace_id):
        with pytest.raises(CredentialRefused, match="of that name"):
            store(person, "HARRIER", SECOND)
        assert Credential.objects.count() == 1
