"""Keeping the files that a run leaves in its agent's folder `out`, as they come.

The directory lives across tasks: what is there from before, unchanged, is no file of this run.
Files may claim to be larger than what they take of the disk: what is kept counts as it is read.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import IO, cast

from django.conf import settings
from django.db import connection

from agenhood.fleet import agent_files
from agenhood.fleet.actions import artifact as artifacts
from agenhood.fleet.actions import history
from agenhood.fleet.actions.artifact import ArtifactRefused
from agenhood.fleet.actions.history import AttemptLost
from agenhood.fleet.agent_files import FileRefused
from agenhood.fleet.models import Agent, Artifact, Event, Task
from agenhood.runtime.run import Recorder, Stop, StopReason
from agenhood.runtime.scrub import Scrubber
from workspaces.audit import Actor, acting
from workspaces.scope import workspace_scope

log = logging.getLogger("agenhood.runtime")

FOLDER = "out"
LOOK_SECONDS = 2.0
SHARE = 10  # at most this part of the time goes into looking
LAST_SECONDS = 120.0  # for what is missing at the end
MOST_FILES = 500  # of one task, those that are not kept among them
MOST_SEEN = 5000  # of one look
MB = 2**20

Seen = dict[str, tuple[int, datetime]]  # path: (bytes, when it was changed)


class _Over(Exception):
    """Files are not to be collected any longer."""


class OutFolder:
    """An agent's folder `out` during a run; `collect` stores what has come or changed."""

    def __init__(self, agent: Agent, task: Task, *, secrets: Sequence[str]) -> None:
        self._agent, self._task = agent, task
        as_read = {_as_text(secret.encode()) for secret in secrets}
        self._scrubber = Scrubber([*secrets, *sorted(as_read - set(secrets))])
        self._kept, self._is_whole = self._look()
        self._seen = self._kept
        self._sizes: dict[str, int] = {}  # bytes of what is stored
        self._tried = 0
        self._said = set[str]()

    def collect(
        self, record: Recorder, is_over: Callable[[], bool], *, is_last: bool = False
    ) -> None:
        """Store each new file; before the end only those that have not changed since last time.

        It ends early once `is_over`. Raises AttemptLost.
        """
        now, is_whole = self._look()
        settled = {
            path: what
            for path, what in now.items()
            if self._kept.get(path) != what and (is_last or self._seen.get(path) == what)
        }
        self._seen = now
        for path, what in sorted(settled.items()):
            if self._tried >= MOST_FILES:
                self._say(record, f"More than {MOST_FILES} files: the others are not kept.")
                return
            try:
                self._store(path, what[0], record, is_over)
            except _Over:
                if is_last:
                    self._say(record, "It was stopped, or took too long: not all files are kept.")
                return
            self._kept[path] = what
        if is_last and not is_whole:
            self._say(record, "There is too much in out/ to look at all of it: the rest is left.")

    def _say(self, record: Recorder, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            record.event(Event.Kind.ERROR, words)

    def _store(self, path: str, size: int, record: Recorder, is_over: Callable[[], bool]) -> None:
        """Store a file, or say why it is not. Raises _Over."""
        if is_over():
            raise _Over
        name = path.removeprefix(f"{FOLDER}/")
        self._tried += 1
        try:
            room = self._room_for(name, size)
            with agent_files.open_file(self._agent, path) as file:
                kept = self._keep(name, _Scrubbed(file, self._scrubber, is_over), room)
        except (FileRefused, ArtifactRefused) as refusal:
            record.event(Event.Kind.ERROR, f"{name} is not kept. {refusal}")
            return
        self._sizes[name] = kept.size
        record.event(Event.Kind.FILE_CHANGE, path=path, change="stored", artifact=str(kept.pk))

    def _room_for(self, name: str, size: int) -> int:
        """Return how many bytes a file may have. Raises ArtifactRefused for more."""
        if size > settings.ARTIFACT_MAX_BYTES:
            raise ArtifactRefused(
                f"It is larger than {settings.ARTIFACT_MAX_BYTES / 10**6:,.0f} MB."
            )
        most = self._agent.disk_mb * MB
        room = most - sum(self._sizes.values()) + self._sizes.get(name, 0)
        if size > room:
            raise ArtifactRefused(
                f"A task's files may have {self._agent.disk_mb:,} MB together, as its agent's disk."
            )
        return room

    def _keep(self, name: str, content: "_Scrubbed", room: int) -> Artifact:
        with workspace_scope(self._task.workspace_id, user_id=self._task.created_by_id):
            with acting(actor_of(self._agent, self._task)):
                shown = self._scrubber.text(name)
                file = cast(IO[bytes], content)
                # Not 0, which is no limit.
                kept = artifacts.store(self._task, shown, file, max_bytes=max(room, 1))
            history.held_by(self._task, self._task.attempt)
        return kept

    def _look(self) -> tuple[Seen, bool]:
        """Return what is there, and whether that is all."""
        try:
            found = agent_files.walk(self._agent, FOLDER)
            seen = {
                path: (entry.size, entry.changed_at) for path, entry in islice(found, MOST_SEEN)
            }
        except FileRefused:
            return {}, True
        return seen, found.is_whole and len(seen) < MOST_SEEN


class _Scrubbed:
    """A file whose bytes are without the workspace's secrets."""

    def __init__(self, file: IO[bytes], scrubber: Scrubber, is_over: Callable[[], bool]) -> None:
        self._file, self._scrubber, self._is_over = file, scrubber, is_over
        self._stream = f"file {id(self)}"

    def read(self, size: int) -> bytes:
        """Return some bytes, b"" at the end only. Raises _Over."""
        while chunk := self._file.read(size):
            if self._is_over():
                raise _Over
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

    def is_forced() -> bool:
        return stop.reason == StopReason.CANCELLED and stop.is_forced

    def work() -> None:
        wait = LOOK_SECONDS
        try:
            while not ended.wait(wait):
                began = time.monotonic()
                folder.collect(record, lambda: ended.is_set() or is_forced())
                wait = max(LOOK_SECONDS, (time.monotonic() - began) * SHARE)
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
        end = time.monotonic() + LAST_SECONDS
        folder.collect(record, lambda: is_forced() or time.monotonic() > end, is_last=True)


def actor_of(agent: Agent, task: Task) -> Actor:
    """Return how the audit trail names what a task does by itself."""
    return Actor("task", f"{agent.name} {task}", str(task.pk), on_behalf_of=task.created_by.email)
