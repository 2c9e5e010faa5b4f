"""Keeping the files that a run leaves in its agent's folder `out`, as they come.

The directory lives across tasks: what is there from before, unchanged, is no file of this run.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import IO, cast
from uuid import UUID

from django.db import connection

from agenhood.fleet import agent_files
from agenhood.fleet.actions import artifact as artifacts
from agenhood.fleet.actions import history
from agenhood.fleet.actions.artifact import ArtifactRefused
from agenhood.fleet.actions.history import AttemptLost
from agenhood.fleet.agent_files import FileRefused
from agenhood.fleet.models import Agent, Event, Task
from agenhood.runtime.run import Recorder, Stop, StopReason
from agenhood.runtime.scrub import Scrubber
from workspaces.audit import Actor, acting
from workspaces.scope import workspace_scope

log = logging.getLogger("agenhood.runtime")

FOLDER = "out"
LOOK_SECONDS = 2.0
MOST_FILES = 500  # of one task
MOST_SEEN = 5000  # of one look

Seen = dict[str, tuple[int, datetime]]  # path: (bytes, when it was changed)


class OutFolder:
    """An agent's folder `out` during a run; `collect` stores what has come or changed."""

    def __init__(self, agent: Agent, task: Task, *, secrets: Sequence[str]) -> None:
        self._agent, self._task = agent, task
        as_read = {_as_text(secret.encode()) for secret in secrets}
        self._scrubber = Scrubber([*secrets, *sorted(as_read - set(secrets))])
        self._kept = self._seen = self._look()
        self._stored = 0
        self._is_full = False

    def collect(self, record: Recorder, *, is_last: bool = False) -> None:
        """Store each new file; before the end only those that have not changed since last time.

        Raises AttemptLost.
        """
        now = self._look()
        settled = {
            path: what
            for path, what in now.items()
            if self._kept.get(path) != what and (is_last or self._seen.get(path) == what)
        }
        self._seen = now
        for path, what in sorted(settled.items()):
            self._kept[path] = what
            if self._stored >= MOST_FILES:
                if not self._is_full:
                    self._is_full = True
                    record.event(
                        Event.Kind.ERROR, f"More than {MOST_FILES} files: the others are not kept."
                    )
                return
            self._store(path, record)

    def _store(self, path: str, record: Recorder) -> None:
        name = path.removeprefix(f"{FOLDER}/")
        try:
            with agent_files.open_file(self._agent, path) as file:
                artifact_id = self._keep(name, file)
        except (FileRefused, ArtifactRefused) as refusal:
            record.event(Event.Kind.ERROR, f"{name} is not kept. {refusal}")
            return
        self._stored += 1
        record.event(Event.Kind.FILE_CHANGE, path=path, change="stored", artifact=str(artifact_id))

    def _keep(self, name: str, file: IO[bytes]) -> UUID:
        with workspace_scope(self._task.workspace_id, user_id=self._task.created_by_id):
            with acting(actor_of(self._agent, self._task)):
                content = cast(IO[bytes], _Scrubbed(file, self._scrubber))
                kept = artifacts.store(self._task, self._scrubber.text(name), content)
            history.held_by(self._task, self._task.attempt)
        return kept.pk

    def _look(self) -> Seen:
        try:
            found = islice(agent_files.walk(self._agent, FOLDER), MOST_SEEN)
            return {path: (entry.size, entry.changed_at) for path, entry in found}
        except FileRefused:
            return {}


class _Scrubbed:
    """A file whose bytes are without the workspace's secrets."""

    def __init__(self, file: IO[bytes], scrubber: Scrubber) -> None:
        self._file, self._scrubber = file, scrubber
        self._stream = f"file {id(self)}"

    def read(self, size: int) -> bytes:
        """Return some bytes, b"" at the end only."""
        while chunk := self._file.read(size):
            if clean := self._scrubber.stream(self._stream, _as_text(chunk)):
                return _as_bytes(clean)
        return _as_bytes(self._scrubber.rest(self._stream))


NULL = "\u0100"  # stands for the byte 0, which a scrubber takes out of texts


def _as_text(data: bytes) -> str:
    """Return a character for each byte."""
    return data.decode("latin-1").replace("\0", NULL)


def _as_bytes(text: str) -> bytes:
    return text.replace(NULL, "\0").encode("latin-1")


@contextmanager
def collecting(folder: OutFolder, record: Recorder, stop: Stop) -> Iterator[None]:
    """Store files during the block as they come; at its end those that are missing."""
    ended = threading.Event()

    def work() -> None:
        try:
            while not ended.wait(LOOK_SECONDS):
                folder.collect(record)
        except AttemptLost:
            pass  # the recorder notices it, too
        except Exception as error:
            # The run goes on, and its end collects once more. The kind only: words may be content.
            log.warning("collecting files: %s", type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=work, name="collect files")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if stop.reason not in (StopReason.LOST, StopReason.WORKER_ENDS):
        folder.collect(record, is_last=True)


def actor_of(agent: Agent, task: Task) -> Actor:
    """Return how the audit trail names what a task does by itself."""
    return Actor("task", f"{agent.name} {task}", str(task.pk), on_behalf_of=task.created_by.email)
