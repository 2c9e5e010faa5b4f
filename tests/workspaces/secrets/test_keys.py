"""The master key changes while the console runs; a workspace's key is destroyed; a start with
another instance's master key is refused."""

import base64
import os
import subprocess
import sys
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts import master_key
from accounts.master_key import CannotOpen
from tests.factories import ProjectFactory, WorkspaceFactory
from tests.postgres import ROOT
from workspaces.isolation import refuse_unsafe_start
from workspaces.models import MasterKeyCheck, WorkspaceKey
from workspaces.scope import workspace_scope
from workspaces.secrets import KeyDestroyed, fingerprint, open_sealed, seal
from workspaces.secrets.key_check import master_key_fault, refuse_wrong_master_key

SECRET = b"sk-ant-harrier-0123456789"


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def seal_in(project: Any) -> bytes:
    with workspace_scope(project.workspace_id):
        return seal(project, "key", SECRET)


def open_in(project: Any, sealed: bytes) -> bytes:
    with workspace_scope(project.workspace_id):
        return open_sealed(project, "key", sealed)


# Rotation


def test_rotation_seals_every_key_anew_and_leaves_the_secrets_as_they_are(
    db: None, settings: Any
) -> None:
    projects = [ProjectFactory() for _ in range(3)]
    sealed = [seal_in(project) for project in projects]
    refuse_wrong_master_key()
    old, new = settings.AGENHOOD_MASTER_KEY, new_key()

    settings.AGENHOOD_MASTER_KEY = f"{new},{old}"
    assert "workspaces' keys: 3 sealed anew" in run("rotate_master_key")
    assert "workspaces' keys: 0 sealed anew" in run("rotate_master_key")
    settings.AGENHOOD_MASTER_KEY = new

    assert [open_in(*pair) for pair in zip(projects, sealed, strict=True)] == [SECRET] * 3
    refuse_wrong_master_key()
    assert MasterKeyCheck.objects.count() == 2
    settings.AGENHOOD_MASTER_KEY = old
    with pytest.raises(CannotOpen):
        open_in(projects[0], sealed[0])
    with pytest.raises(ImproperlyConfigured, match="does not hold the key"):
        refuse_wrong_master_key()


def test_rotation_back_to_an_earlier_key_works_too(db: None, settings: Any) -> None:
    project = ProjectFactory()
    sealed = seal_in(project)
    refuse_wrong_master_key()
    old, new = settings.AGENHOOD_MASTER_KEY, new_key()
    for ring in (f"{new},{old}", f"{old},{new}"):
        settings.AGENHOOD_MASTER_KEY = ring
        run("rotate_master_key")
    settings.AGENHOOD_MASTER_KEY = old

    refuse_wrong_master_key()
    assert open_in(project, sealed) == SECRET


def test_rotation_with_the_old_key_missing_changes_nothing(db: None, settings: Any) -> None:
    refuse_wrong_master_key()
    settings.AGENHOOD_MASTER_KEY = new_key()

    with pytest.raises(CommandError, match="does not hold the key"):
        run("rotate_master_key")

    assert MasterKeyCheck.objects.count() == 1


def test_rotation_names_the_workspace_whose_key_does_not_open_and_does_the_others(
    db: None, settings: Any
) -> None:
    lost, kept = ProjectFactory(), ProjectFactory()
    old, new, foreign = settings.AGENHOOD_MASTER_KEY, new_key(), new_key()
    settings.AGENHOOD_MASTER_KEY = foreign
    seal_in(lost)
    settings.AGENHOOD_MASTER_KEY = old
    sealed = seal_in(kept)
    refuse_wrong_master_key()
    settings.AGENHOOD_MASTER_KEY = f"{new},{old}"

    with pytest.raises(CommandError, match=f"Keep the old key.*{lost.workspace.slug}"):
        run("rotate_master_key")

    assert MasterKeyCheck.objects.count() == 1, "a start without the old key must still be refused"
    settings.AGENHOOD_MASTER_KEY = new
    assert open_in(kept, sealed) == SECRET


def test_other_tables_join_the_rotation(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [master_key.seal(b"seed", b"person")]

    def reseal_all() -> int:
        before = list(seeds)
        seeds[:] = [master_key.reseal(seed, b"person") for seed in before]
        return sum(old != new for old, new in zip(before, seeds, strict=True))

    monkeypatch.setattr(master_key, "_resealers", dict(master_key.resealers()))
    master_key.on_rotation("seeds", reseal_all)
    new = new_key()
    settings.AGENHOOD_MASTER_KEY = f"{new},{settings.AGENHOOD_MASTER_KEY}"

    assert "seeds: 1 sealed anew" in run("rotate_master_key")
    settings.AGENHOOD_MASTER_KEY = new
    assert master_key.open_sealed(seeds[0], b"person") == b"seed"


def test_secrets_are_stored_and_opened_while_the_command_runs(
    committed_db: None, settings: Any
) -> None:
    """Requests of several workspaces, first uses among them; then the old key is taken out."""
    old, new = settings.AGENHOOD_MASTER_KEY, new_key()
    projects = [ProjectFactory() for _ in range(8)]
    sealed = {project.pk: seal_in(project) for project in projects[:4]}
    refuse_wrong_master_key()
    settings.AGENHOOD_MASTER_KEY = f"{new},{old}"
    done, faults, rounds = threading.Event(), [], []

    def requests() -> None:
        try:
            while not done.is_set() or not rounds:
                for project in projects:
                    value = sealed.get(project.pk)
                    if value is None:
                        sealed[project.pk] = seal_in(project)
                    elif open_in(project, value) != SECRET:
                        faults.append(project)
                rounds.append(1)
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=requests)
    thread.start()
    run("rotate_master_key")
    done.set()
    thread.join()
    settings.AGENHOOD_MASTER_KEY = new

    assert faults == []
    assert len(sealed) == 8
    assert [open_in(project, sealed[project.pk]) for project in projects] == [SECRET] * 8


# Destruction


def test_a_destroyed_key_makes_secrets_unreadable_and_no_new_one_is_made(db: None) -> None:
    project, other = ProjectFactory(), ProjectFactory()
    sealed, others = seal_in(project), seal_in(other)

    said = run(
        "destroy_workspace_key", project.workspace.slug, f"--confirm={project.workspace.slug}"
    )

    assert "is destroyed" in said
    with pytest.raises(KeyDestroyed):
        open_in(project, sealed)
    with pytest.raises(KeyDestroyed):
        seal_in(project)
    with workspace_scope(project.workspace_id), pytest.raises(KeyDestroyed):
        fingerprint(SECRET)
    with workspace_scope(project.workspace_id):
        assert WorkspaceKey.objects.get().wrapped is None
    assert open_in(other, others) == SECRET
    run("rotate_master_key")
    run("destroy_workspace_key", project.workspace.slug, f"--confirm={project.workspace.slug}")
    with pytest.raises(KeyDestroyed):
        seal_in(project)


def test_a_workspace_that_never_had_a_key_gets_none_after_its_destruction(db: None) -> None:
    project = ProjectFactory()
    run("destroy_workspace_key", project.workspace.slug, f"--confirm={project.workspace.slug}")

    with pytest.raises(KeyDestroyed):
        seal_in(project)


@pytest.mark.parametrize(
    ("slug", "confirm", "said"),
    [
        ("harrier", "kestrel", "names another workspace"),
        ("absent", "absent", "no workspace absent"),
    ],
)
def test_destruction_asks_twice_and_for_a_workspace_that_is_there(
    db: None, slug: str, confirm: str, said: str
) -> None:
    project = ProjectFactory(workspace=WorkspaceFactory(slug="harrier"))
    sealed = seal_in(project)

    with pytest.raises(CommandError, match=said):
        run("destroy_workspace_key", slug, f"--confirm={confirm}")

    assert open_in(project, sealed) == SECRET


def test_a_key_is_either_there_or_destroyed(db: None) -> None:
    project = ProjectFactory()
    seal_in(project)
    with (
        workspace_scope(project.workspace_id),
        pytest.raises(IntegrityError, match="gone_iff_destroyed"),
        transaction.atomic(),
    ):
        WorkspaceKey.objects.update(wrapped=None)


# The check value


def test_the_first_start_writes_the_check_value_and_later_ones_keep_it(db: None) -> None:
    refuse_wrong_master_key()
    first = MasterKeyCheck.objects.get()
    refuse_wrong_master_key()

    assert bytes(MasterKeyCheck.objects.get().sealed) == bytes(first.sealed)


def test_a_start_with_another_master_key_is_refused(db: None, settings: Any) -> None:
    refuse_unsafe_start()
    settings.AGENHOOD_MASTER_KEY = new_key()

    for start in (refuse_unsafe_start, refuse_wrong_master_key):
        with pytest.raises(ImproperlyConfigured, match="does not hold the key") as refusal:
            start()
        assert settings.AGENHOOD_MASTER_KEY not in str(refusal.value)
    assert MasterKeyCheck.objects.count() == 1


@pytest.mark.parametrize(
    "start",
    [
        ["-c", "import agenhood.asgi"],
        ["-c", "import agenhood.wsgi"],
        ["manage.py", "check", "--database", "default"],
        ["manage.py", "rotate_master_key"],
    ],
)
def test_no_process_starts_with_another_master_key(committed_db: None, start: list[str]) -> None:
    refuse_wrong_master_key()
    given = os.environ | {"AGENHOOD_MASTER_KEY": new_key()}
    started = subprocess.run(
        [sys.executable, *start], cwd=ROOT, env=given, capture_output=True, text=True, check=False
    )

    assert started.returncode != 0
    assert "does not hold the key" in started.stderr
    assert given["AGENHOOD_MASTER_KEY"] not in started.stderr


def test_the_right_master_key_passes_the_check(committed_db: None) -> None:
    refuse_wrong_master_key()
    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--database", "default"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workspaces_masterkeycheck SET sealed = ''",
        "DELETE FROM workspaces_masterkeycheck",
        "TRUNCATE workspaces_masterkeycheck",
    ],
)
def test_the_console_cannot_change_the_check_value(db: None, statement: str) -> None:
    refuse_wrong_master_key()
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_nothing_in_a_workspace_adds_a_check_value(db: None) -> None:
    with (
        workspace_scope(WorkspaceFactory().pk),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        MasterKeyCheck.objects.create(number=9, sealed=b"")
    assert master_key_fault() == ""
