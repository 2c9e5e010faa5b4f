"""Storing what happens in a run, and seeing meanwhile whether it is to go on.

A thread of its own writes what was noted, in batches, each one transaction with one notice to
watchers. Of a batch that cannot be stored all events are but those that are to blame: in their
place stands that there was one. Twice a second the thread looks whether somebody has asked for the
end, whether the person and the workspace still may, and whether the task is still this attempt's.
"""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils import timezone
from uuid_utils.compat import uuid7

from agenhood.fleet import queue
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import AttemptLost, NewEvent
from agenhood.fleet.models import Event, Task
from agenhood.runtime.patience import OF_THE_DATA, is_of_the_data, patiently
from agenhood.runtime.run import StopReason
from agenhood.runtime.scrub import Scrubber
from agenhood.runtime.stopping import Stopping
from workspaces.jobs import Job, JobRefused, standing
from workspaces.scope import workspace_scope

log = logging.getLogger("agenhood.runtime")

BATCH_SECONDS = 0.1
BATCH_EVENTS = 200  # after which nobody waits for more; what has come meanwhile goes with them
LARGEST_BATCH = 1000
MOST_WAITING = 5000  # events that are not stored yet: from here on, whoever notes one waits
LOOK_SECONDS = 0.5
PIECE = 8000  # characters of a stream in one event
MODEL = 100  # characters of a model's name
NOT_KEPT = "An event could not be kept."

Used = tuple[int, int, int]  # input tokens, output tokens, micros
# What is to be stored, and what it adds to the task's totals.
Ready = tuple[NewEvent, Used | None]


@dataclass(slots=True)
class _Noted:
    at: datetime
    kind: Event.Kind
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    stream: str = ""
    used: Used | None = None


class EventRecorder:
    """The `Recorder` of a run; a context manager, which stores the last of it on its way out."""

    def __init__(self, job: Job, task: Task, *, scrubber: Scrubber, stop: Stopping) -> None:
        self._job, self._task, self._scrubber, self._stop = job, task, scrubber, stop
        self._changed = threading.Condition()
        self._waiting: list[_Noted] = []
        self._noted = self._stored = 0
        self._is_urgent = self._is_closing = self._is_dead = False
        self._streams: dict[str, None] = {}
        self._looked_at = time.monotonic()
        self._has_used = True
        self._thread = threading.Thread(target=self._work, name=f"record {task.pk}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def event(self, kind: Event.Kind, text: str = "", **data: Any) -> None:
        self._note(_Noted(timezone.now(), kind, text, data))

    def output(self, stream: str, text: str) -> None:
        now = timezone.now()
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            self._note(_Noted(now, Event.Kind.OUTPUT, piece, stream=stream))

    def usage(self, model: str, *, input_tokens: int, output_tokens: int, cost_micros: int) -> None:
        data = {
            "model": model,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cost_micros": cost_micros,
        }
        used = (input_tokens, output_tokens, cost_micros)
        self._note(_Noted(timezone.now(), Event.Kind.USAGE, "", data, used=used))

    def cut(self, text: str, at: int) -> tuple[str, str]:
        return self._scrubber.cut(text, at)

    def flush(self) -> None:
        with self._changed:
            wanted = self._noted
            self._is_urgent = True
            self._changed.notify_all()
            while self._stored < wanted and not self._is_dead:
                self._changed.wait()

    def _note(self, noted: _Noted) -> None:
        with self._changed:
            while len(self._waiting) >= MOST_WAITING and not self._is_dead:
                self._changed.wait()
            if self._is_dead:
                return
            self._waiting.append(noted)
            self._noted += 1
            if len(self._waiting) in (1, BATCH_EVENTS):
                self._changed.notify_all()

    # The thread

    def _work(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._store(self._scrubbed(batch))
                with self._changed:
                    self._stored += len(batch)
                    self._changed.notify_all()
            if rest := self._held_back():
                self._store(rest)
        except (AttemptLost, Task.DoesNotExist):
            self._stop.because(StopReason.LOST)
        except Exception as error:
            # The kind of error only: its words may be a workspace's content.
            log.warning("task %s: recording ended: %s", self._task.pk, type(error).__name__)
            self._stop.because(StopReason.LOST)
        finally:
            with self._changed:
                self._is_dead = True
                self._waiting.clear()
                self._changed.notify_all()
            connection.close()

    def _next(self) -> list[_Noted] | None:
        """Wait for a batch and return it, an empty one when it is time to look; None at the end."""
        with self._changed:
            due = self._looked_at + LOOK_SECONDS
            while not self._is_ready():
                now = time.monotonic()
                if now >= due:
                    return []
                if self._waiting:
                    due = min(due, now + BATCH_SECONDS)
                    self._changed.wait(due - now)
                    break
                self._changed.wait(due - now)
            self._is_urgent = False
            batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            if not batch and self._is_closing:
                return None
            return batch

    def _is_ready(self) -> bool:
        return self._is_closing or self._is_urgent or len(self._waiting) >= BATCH_EVENTS

    def _scrubbed(self, batch: Iterable[_Noted]) -> list[Ready]:
        """Return the events to store: pieces of a stream that follow each other are one."""
        made: list[Ready] = []
        text, stream, at = "", "", timezone.now()
        for noted in batch:
            if noted.stream:
                self._streams[noted.stream] = None
                piece = self._scrubber.stream(noted.stream, noted.text)
                if text and (noted.stream != stream or len(text) + len(piece) > PIECE):
                    made.append(_output(stream, text, at))
                    text = ""
                if not text:
                    stream, at = noted.stream, noted.at
                text += piece
                continue
            if text:
                made.append(_output(stream, text, at))
                text = ""
            made.append((self._event(noted), noted.used))
        if text:
            made.append(_output(stream, text, at))
        return made

    def _event(self, noted: _Noted) -> NewEvent:
        try:
            data = self._scrubber.data(noted.data)
        except OF_THE_DATA:
            return _not_kept(noted.at)
        if noted.used:  # a name that a program may have given
            data["model"] = data["model"][:MODEL]
        return NewEvent(noted.kind, self._scrubber.text(noted.text), data, noted.at, _new_id())

    def _held_back(self) -> list[Ready]:
        """Return what might have been the beginning of a secret, and was not."""
        rests = ((stream, self._scrubber.rest(stream)) for stream in self._streams)
        return [_output(stream, rest, timezone.now()) for stream, rest in rests if rest]

    def _store(self, ready: list[Ready]) -> None:
        """Store events. What cannot be stored as it is, is said to be missing."""
        try:
            self._store_all(ready)
        except Exception as error:
            if not ready or not is_of_the_data(error):
                raise
        else:
            return
        if len(ready) > 1:
            middle = len(ready) // 2
            self._store(ready[:middle])
            self._store(ready[middle:])
        else:
            # The task only: what could not be kept may be a workspace's content.
            log.warning("task %s: an event could not be kept", self._task.pk)
            ((event, used),) = ready
            self._store_lost(event.at or timezone.now(), used)

    def _store_lost(self, at: datetime, used: Used | None) -> None:
        """Say that there was an event. What it used counts, unless it is that which fails."""
        try:
            self._store_all([(_not_kept(at), used)])
        except Exception as error:
            if used is None or not is_of_the_data(error):
                raise
            self._store_all([(_not_kept(at), None)])

    def _store_all(self, ready: list[Ready]) -> None:
        events = [event for event, _ in ready]
        used = [used for _, used in ready if used]

        def write(is_repeated: bool) -> None:
            self._write(events, used, is_repeated=is_repeated)

        patiently(write, f"task {self._task.pk}")

    def _write(self, events: list[NewEvent], used: list[Used], *, is_repeated: bool) -> None:
        is_time = time.monotonic() >= self._looked_at + LOOK_SECONDS
        if not events and not used and not is_time:
            return
        with workspace_scope(self._job.workspace_id, user_id=self._job.actor_id):
            # It is not known of a connection that broke whether the commit came to be.
            if events and not (is_repeated and Event.objects.filter(pk=events[0].id).exists()):
                history.append_events(self._task, events, attempt=self._task.attempt)
                self._count(used)
            if is_time:
                self._look()
        if is_time:
            self._looked_at = time.monotonic()

    def _count(self, used: list[Used]) -> None:
        if not used:
            return
        more_input, more_output, micros = (sum(column) for column in zip(*used, strict=True))
        Task.objects.filter(pk=self._task.pk).update(
            input_tokens=F("input_tokens") + more_input,
            output_tokens=F("output_tokens") + more_output,
            cost_micros=F("cost_micros") + micros,
        )
        self._has_used = True

    def _look(self) -> None:
        task = Task.objects.only(
            "state", "attempt", "cancel_requested_at", "is_stopped_by_force"
        ).get(pk=self._task.pk)
        if (task.state, task.attempt) != (Task.State.RUNNING, self._task.attempt):
            raise AttemptLost
        if task.cancel_requested_at is not None:
            self._stop.because(StopReason.CANCELLED, by_force=task.is_stopped_by_force)
        try:
            standing(self._job)
        except JobRefused as refusal:
            self._stop.because(StopReason.REFUSED, str(refusal))
        if self._has_used:
            self._has_used = False
            if words := queue.over_limit():
                self._stop.because(StopReason.REFUSED, words)


def _output(stream: str, text: str, at: datetime) -> Ready:
    return NewEvent(Event.Kind.OUTPUT, text, {"stream": stream}, at, _new_id()), None


def _not_kept(at: datetime) -> NewEvent:
    return NewEvent(Event.Kind.ERROR, NOT_KEPT, {}, at, _new_id())


def _new_id() -> UUID:
    made: UUID = uuid7()
    return made
