"""What a workspace's key seals opens in its own place only."""

import pickle
import threading
from typing import Any

import pytest
from django.db import connection

from accounts.master_key import CannotOpen
from tests.factories import ProjectFactory, WorkspaceFactory
from workspaces.managers import WorkspaceMismatch
from workspaces.models import WorkspaceKey
from workspaces.scope import NoActiveWorkspace, workspace_scope
from workspaces.secrets import Secret, fingerprint, last_four, open_sealed, seal

SECRET = b"sk-ant-harrier-0123456789"


def test_what_is_sealed_opens_in_its_place(db: None) -> None:
    project = ProjectFactory()
    with workspace_scope(project.workspace_id):
        sealed = seal(project, "key", SECRET)

        assert open_sealed(project, "key", memoryview(sealed)) == SECRET
        assert SECRET not in sealed
        assert seal(project, "key", SECRET) != sealed, "the same nonce twice"
        assert open_sealed(project, "key", seal(project, "key", b"")) == b""


def test_a_moved_value_does_not_open(db: None) -> None:
    """In another row, in another field, and in a row of the same id in another workspace."""
    project, other = ProjectFactory(), WorkspaceFactory()
    second = ProjectFactory(workspace=project.workspace)
    with workspace_scope(project.workspace_id):
        sealed = seal(project, "key", SECRET)
        for row, field in [(second, "key"), (project, "other")]:
            with pytest.raises(CannotOpen):
                open_sealed(row, field, sealed)
    project.workspace_id = other.pk
    with workspace_scope(other.pk):
        seal(project, "key", b"so that this workspace has a key")
        with pytest.raises(CannotOpen):
            open_sealed(project, "key", sealed)


def test_a_wrapped_key_is_its_own_workspaces_only(db: None) -> None:
    """Somebody who writes to the database copies a workspace's key along with the value: it does
    not unwrap for another workspace."""
    here, there = ProjectFactory(), ProjectFactory()
    with workspace_scope(here.workspace_id):
        sealed = seal(here, "key", SECRET)
        wrapped = WorkspaceKey.objects.get().wrapped
    there.pk = here.pk
    with workspace_scope(there.workspace_id):
        seal(there, "key", b"")
        WorkspaceKey.objects.update(wrapped=wrapped)
        with pytest.raises(CannotOpen):
            open_sealed(there, "key", sealed)
        with pytest.raises(CannotOpen):
            fingerprint(SECRET)  # nor is it taken for this workspace's own


@pytest.mark.parametrize("position", [0, 1, 12, 13, -1])
def test_a_changed_byte_is_noticed(db: None, position: int) -> None:
    project = ProjectFactory()
    with workspace_scope(project.workspace_id):
        sealed = bytearray(seal(project, "key", SECRET))
        sealed[position] ^= 1
        with pytest.raises(CannotOpen):
            open_sealed(project, "key", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 13, b"\x02" * 60])
def test_bytes_that_were_never_sealed_are_told_so(db: None, sealed: bytes) -> None:
    project = ProjectFactory()
    with workspace_scope(project.workspace_id), pytest.raises(CannotOpen):
        open_sealed(project, "key", sealed)


def test_nothing_is_sealed_or_opened_for_another_workspace(db: None) -> None:
    mine, theirs = ProjectFactory(), ProjectFactory()
    with workspace_scope(theirs.workspace_id):
        sealed = seal(theirs, "key", SECRET)
    with workspace_scope(mine.workspace_id):
        with pytest.raises(WorkspaceMismatch):
            open_sealed(theirs, "key", sealed)
        with pytest.raises(WorkspaceMismatch):
            seal(theirs, "key", SECRET)
    with pytest.raises(NoActiveWorkspace):
        fingerprint(SECRET)


def test_a_workspace_has_one_key_and_makes_it_when_first_asked(db: None) -> None:
    project = ProjectFactory()
    with workspace_scope(project.workspace_id):
        assert WorkspaceKey.objects.count() == 0
        seal(project, "key", SECRET)
        seal(project, "key", SECRET)
        assert WorkspaceKey.objects.count() == 1


def test_two_at_once_make_one_key(committed_db: None) -> None:
    """Both are opened afterwards: neither was sealed by a key that lost."""
    project = ProjectFactory()
    start, sealed = threading.Barrier(4), []

    def first_use() -> None:
        with workspace_scope(project.workspace_id):
            start.wait(timeout=30)
            sealed.append(seal(project, "key", SECRET))
        connection.close()

    threads = [threading.Thread(target=first_use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with workspace_scope(project.workspace_id):
        assert WorkspaceKey.objects.count() == 1
        assert [open_sealed(project, "key", value) for value in sealed] == [SECRET] * 4


def test_a_fingerprint_tells_the_same_secret_in_one_workspace_only(db: None) -> None:
    prints = []
    for workspace in (WorkspaceFactory(), WorkspaceFactory()):
        with workspace_scope(workspace.pk):
            assert fingerprint(SECRET) == fingerprint(SECRET)
            assert fingerprint(SECRET) != fingerprint(SECRET + b"x")
            prints.append(fingerprint(SECRET))

    assert len(set(prints)) == 2
    assert all(len(found) == 64 for found in prints)


@pytest.mark.parametrize(
    ("plaintext", "shown"),
    [
        (b"0123456789abcdef", "cdef"),
        (b"0123456789abcde", ""),
        ("0123456789abcdéé".encode(), "cdéé"),
        (b"", ""),
        (b"-----END KEY-----\n", ""),
        (b"\x00\x01" * 20, ""),
    ],
)
def test_last_four_are_shown_of_long_lines_only(plaintext: bytes, shown: str) -> None:
    assert last_four(plaintext) == shown


def test_an_opened_secret_shows_itself_to_nobody() -> None:
    secret = Secret(SECRET)

    shown: list[Any] = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr([secret])]
    assert not [text for text in shown if "harrier" in text]
    assert str(secret) == "••••"
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)
    assert secret == Secret(SECRET)
    assert secret != Secret(b"other")
    assert secret != SECRET
    assert secret.reveal() == SECRET
    assert secret.reveal_text() == SECRET.decode()
