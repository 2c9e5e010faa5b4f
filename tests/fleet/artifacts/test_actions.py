"""Artifacts stored by tasks: what is recorded of them, and what becomes of their files."""

import hashlib
import io
import os
import stat
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.db import transaction

from agenhood.fleet.actions import artifact as actions
from agenhood.fleet.actions.artifact import ArtifactRefused
from agenhood.fleet.jobs import sweep_artifacts
from agenhood.fleet.models import Artifact, Conversation, Task
from tests.addresses import addresses
from tests.factories import MembershipFactory, TaskFactory
from workspaces.audit.models import AuditEntry
from workspaces.managers import WorkspaceMismatch
from workspaces.scope import NoActiveWorkspace, workspace_scope


@pytest.fixture
def task(committed_db):
    return TaskFactory()


def store(task, path="report.txt", content=b"There are three.\n", **values):
    with workspace_scope(task.workspace_id):
        return actions.store(task, path, io.BytesIO(content), **values)


def place(artifact):
    return Path(storages["artifacts"].path(f"{artifact.workspace_id}/{artifact.pk}"))


def all_files(workspace_id):
    folder = Path(storages["artifacts"].path(str(workspace_id)))
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def test_an_artifact_is_what_was_read_of_it(task):
    content = os.urandom(3_000_000)

    artifact = store(task, "out/data.bin", content)

    assert artifact.path == "out/data.bin"
    assert artifact.size == len(content)
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert artifact.content_type == "application/octet-stream"
    assert place(artifact).read_bytes() == content
    with workspace_scope(task.workspace_id):
        entry = AuditEntry.objects.get(action="artifact.create")
    assert entry.changes["sha256"] == [None, artifact.sha256]


def test_its_file_is_its_owners_alone_and_outside_of_what_is_served(task, settings):
    file = place(store(task))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for served in (*settings.STATICFILES_DIRS, settings.BASE_DIR / "staticfiles"):
        assert not file.is_relative_to(served)
    assert not [address for address in addresses() if "media" in address.route]


def test_no_name_of_an_agents_is_part_of_a_path_on_disk(task):
    """Vectors 25, 29."""
    artifact = store(task, "../../../../etc/cron.d/evil")

    assert all_files(task.workspace_id) == [str(artifact.pk)]
    assert artifact.path == "../../../../etc/cron.d/evil"


def test_the_same_name_again_replaces_the_file(task):
    first = store(task, content=b"first")
    second = store(task, content=b"second")

    with workspace_scope(task.workspace_id):
        (kept,) = Artifact.objects.all()
    assert (kept.pk, kept.size) == (second.pk, 6)
    assert not place(first).exists()
    assert place(second).read_bytes() == b"second"


def test_the_same_name_in_another_task_is_another_file(task):
    other = TaskFactory()

    assert store(task).pk != store(other).pk
    assert len(all_files(task.workspace_id)) == len(all_files(other.workspace_id)) == 1


@pytest.mark.parametrize("limit", [{"max_bytes": 10}, {}])
def test_a_file_that_is_too_large_is_refused_and_not_kept(task, settings, limit):
    settings.ARTIFACT_MAX_BYTES = 1_000_000 if limit else 10

    with pytest.raises(ArtifactRefused, match="larger than"):
        store(task, content=b"x" * 11, **limit)
    assert store(task, content=b"x" * 10, **limit).size == 10

    with workspace_scope(task.workspace_id):
        assert Artifact.objects.count() == 1
    assert len(all_files(task.workspace_id)) == 1


def test_a_task_cannot_ask_for_more_than_the_instance_allows(task, settings):
    settings.ARTIFACT_MAX_BYTES = 10

    with pytest.raises(ArtifactRefused):
        store(task, content=b"x" * 11, max_bytes=100)


@pytest.mark.parametrize("path", ["", "   ", "\0", "x" * 401])
def test_a_name_that_is_none_is_refused(task, path):
    with pytest.raises(ArtifactRefused):
        store(task, path)


def test_an_endless_content_is_read_no_further_than_the_limit(task, settings):
    settings.ARTIFACT_MAX_BYTES = 2_000_000

    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return b"x" * size

    content = Endless()
    with pytest.raises(ArtifactRefused), workspace_scope(task.workspace_id):
        actions.store(task, "endless", content)

    assert content.given < 4_000_000


def test_nothing_is_stored_outside_its_own_workspace(task):
    other = MembershipFactory()

    with pytest.raises(NoActiveWorkspace):
        actions.store(task, "report.txt", io.BytesIO(b"x"))
    with pytest.raises(Task.DoesNotExist), workspace_scope(other.workspace_id):
        actions.store(task, "report.txt", io.BytesIO(b"x"))

    assert all_files(task.workspace_id) == all_files(other.workspace_id) == []


def test_a_deletion_that_is_taken_back_keeps_the_file(task):
    artifact = store(task)
    file = place(artifact)

    class Failure(Exception):
        pass

    with pytest.raises(Failure), workspace_scope(task.workspace_id), transaction.atomic():
        actions.delete(artifact)
        raise Failure

    assert file.exists()


def test_another_workspaces_artifact_is_opened_and_deleted_by_nobody(task):
    artifact = store(task)

    with workspace_scope(MembershipFactory().workspace_id):
        with pytest.raises(LookupError):
            actions.open_file(artifact)
        with pytest.raises(WorkspaceMismatch):
            actions.delete(artifact)

    assert place(artifact).exists()


def test_files_whose_artifact_is_gone_are_swept_away_a_day_later(task):
    artifact, kept = store(task), store(TaskFactory())
    with workspace_scope(task.workspace_id):
        Conversation.objects.all().delete()
        assert not Artifact.objects.exists()
    sweep_artifacts()
    assert place(artifact).exists()

    for file in (place(artifact), place(kept)):
        os.utime(file, (0, 0))
    sweep_artifacts()

    assert not place(artifact).exists()
    assert place(kept).exists()
