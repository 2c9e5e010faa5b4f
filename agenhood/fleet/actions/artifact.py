"""What is done with artifacts: stored by a task, deleted by people."""

import hashlib
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction

from agenhood.fleet.artifacts import STORAGE
from agenhood.fleet.artifacts.content import SNIFFED_BYTES, type_of
from agenhood.fleet.models import Artifact, Task
from workspaces import files
from workspaces.audit import record
from workspaces.downloads import CHUNK
from workspaces.scope import workspace_scope

LONGEST_PATH = 400  # characters, of the agent's name for a file


class ArtifactRefused(Exception):
    """The file is not stored; the message says why, for people who read the task."""


def store(task: Task, path: str, content: IO[bytes], *, max_bytes: int | None = None) -> Artifact:
    """Keep a file that a task produced. Raises ArtifactRefused, with nothing kept.

    `path` is the agent's name for it; a file that the task stored under the same one is replaced.
    `content` is read once, a chunk at a time, and at most `max_bytes` (the instance's limit by
    default) are taken.
    """
    name = _name(path)
    limit = min(max_bytes or settings.ARTIFACT_MAX_BYTES, settings.ARTIFACT_MAX_BYTES)
    with tempfile.TemporaryFile() as kept:
        digest, size, beginning = hashlib.sha256(), 0, b""
        while chunk := content.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise ArtifactRefused(f"{name} is larger than {limit / 10**6:,.0f} MB.")
            beginning = beginning or chunk[:SNIFFED_BYTES]
            digest.update(chunk)
            kept.write(chunk)
        kept.seek(0)
        with transaction.atomic():
            # The same path twice at once is stored one after the other.
            Task.objects.select_for_update(no_key=True).get(pk=task.pk)
            for before in Artifact.objects.filter(task=task, path=name):
                _remove(before)
            artifact = Artifact.objects.create(
                task=task,
                path=name,
                size=size,
                sha256=digest.hexdigest(),
                content_type=type_of(beginning),
            )
            files.save(STORAGE, files.key_of(artifact.pk), File(kept))
            record(
                "artifact.create",
                artifact,
                changes={"size": (None, size), "sha256": (None, artifact.sha256)},
            )
    return artifact


def delete(artifact: Artifact) -> None:
    """Delete an artifact, its file with it."""
    record("artifact.delete", artifact, changes={"sha256": (artifact.sha256, None)})
    _remove(artifact)


def open_file(artifact: Artifact) -> "File[bytes]":
    """Open an artifact's file. Raises files.FileVanished."""
    return files.open_file(STORAGE, files.key_of(artifact.pk))


def forget_files_without_artifact() -> None:
    """Remove the active workspace's files whose artifact is gone, with its conversation for
    example, or never came to be."""
    found = {key: UUID(key.rpartition("/")[2]) for key in files.keys(STORAGE)}
    for keys in _in_pieces(list(found), 1000):
        ids = [found[key] for key in keys]
        kept = set(Artifact.objects.filter(pk__in=ids).values_list("pk", flat=True))
        for key in keys:
            if found[key] not in kept and files.is_settled(STORAGE, key):
                files.delete(STORAGE, key)


def _remove(artifact: Artifact) -> None:
    """Delete the row, and its file once that is certain."""
    key = files.key_of(artifact.pk)
    workspace_id = artifact.workspace_id
    artifact.delete()
    # Robust: a store that does not answer leaves a file behind, for the next sweep.
    transaction.on_commit(partial(_delete_file, workspace_id, key), robust=True)


def _delete_file(workspace_id: UUID, key: str) -> None:
    with workspace_scope(workspace_id):  # what runs on commit is no longer in the scope
        files.delete(STORAGE, key)


def _name(path: str) -> str:
    name = path.replace("\0", "").encode("utf-8", "replace").decode().strip()
    if not name:
        raise ArtifactRefused("A file needs a name.")
    if len(name) > LONGEST_PATH:
        raise ArtifactRefused(f"A file's name has at most {LONGEST_PATH} characters.")
    return name


def _in_pieces(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
