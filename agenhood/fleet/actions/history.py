"""Writing the history: conversations, tasks, and what happens in each. In a workspace's scope.

Every text is stored as it came but for what PostgreSQL cannot hold. Whoever runs a task scrubs
the secrets that it knows before it hands a text over.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from agenhood.fleet import live
from agenhood.fleet.hostile import one_line
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import (
    Agent,
    Approval,
    Conversation,
    Event,
    Schedule,
    SearchDocument,
    Task,
)
from workspaces.audit import record

EVENT_CHARACTERS = 1_000_000  # of one event's text; what an agent says beyond is not kept


class HistoryRefused(Exception):
    """The change is not possible now; the message says why, for the person who asked."""


class AttemptLost(Exception):
    """Another attempt has the task, or it has ended: this one writes nothing any more."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A step of a task that is to be stored. `data` is what its kind has beside the text.

    With an `id`, whoever does not know whether it was stored can look.
    """

    kind: Event.Kind
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    id: UUID | None = None


def start_conversation(
    *, agent: Agent, title: str, by: User, at: datetime | None = None
) -> Conversation:
    """Begin a thread with an agent. `at` is the time that it is to bear, now unless given."""
    conversation = Conversation(agent=agent, title=_title(title), created_by=by)
    if at is not None:
        conversation.id = _id_at(at, conversation.id)
    conversation.save()
    if at is not None:
        Conversation.objects.filter(pk=conversation.pk).update(created_at=at)
        conversation.created_at = at
    record("conversation.create", conversation, changes={"title": ("", conversation.title)})
    return conversation


def add_task(
    conversation: Conversation,
    *,
    text: str,
    by: User,
    at: datetime | None = None,
    submission: UUID | None = None,
    retry_of: int | None = None,
    schedule: Schedule | None = None,
) -> Task:
    """Queue the conversation's next task, for its agent as it is configured now.

    Raises HistoryRefused in an archived conversation, and IntegrityError for a submission that has
    been made.
    """
    locked = _locked(conversation)
    if locked.archived_at is not None:
        raise HistoryRefused("This conversation is archived: restore it before adding to it.")
    last = Task.objects.filter(conversation=locked).aggregate(last=Max("number"))["last"] or 0
    agent = locked.agent
    task = Task(
        conversation=locked,
        agent=agent,
        project_id=agent.project_id,
        number=last + 1,
        input=_stored(text),
        agent_revision=agent.revision,
        created_by=by,
        created_at=at or timezone.now(),
        submission=submission,
        retry_of=retry_of,
        schedule=schedule,
    )
    task.id = _id_at(task.created_at, task.id) if at is not None else task.id
    task.save(force_insert=True)
    index(task)
    live.tell(task)
    record("task.create", task, changes={"conversation": ("", locked.title)})
    return task


def start_task(task: Task, *, at: datetime | None = None) -> bool:
    """Mark a queued task as running; return whether it was still queued."""
    started_at = at or timezone.now()
    queued = Task.objects.filter(pk=task.pk, state=Task.State.QUEUED)
    if not queued.update(state=Task.State.RUNNING, started_at=started_at):
        return False
    task.state, task.started_at = Task.State.RUNNING, started_at
    live.tell(task)
    return True


def append_events(
    task: Task, events: Iterable[NewEvent], *, attempt: int | None = None
) -> list[Event]:
    """Store what happened next in a task, numbered on from its last event.

    A running task is found by what it has said so far, but for its newest fifth. `attempt` is who
    writes: AttemptLost is raised unless the task runs, and it is that attempt that does.
    """
    held_by(task, attempt)
    last = Event.objects.filter(task=task).aggregate(last=Max("number"))["last"] or 0
    now = timezone.now()
    stored = [
        Event(
            **({"id": event.id} if event.id else {}),
            task=task,
            number=last + number,
            kind=event.kind,
            text=_stored(event.text)[:EVENT_CHARACTERS],
            data=_storable(event.data),
            created_at=event.at or now,
        )
        for number, event in enumerate(events, start=1)
    ]
    Event.objects.bulk_create(stored)
    # Each time anew is each time all of it: only once a quarter more has come since.
    indexed = SearchDocument.objects.filter(task=task).values_list("events", flat=True).first()
    if stored and last + len(stored) >= (indexed or 0) * 1.25:
        index(task)
    if stored:
        live.tell(task, stored[-1].number)
    return stored


def held_by(task: Task, attempt: int | None) -> None:
    """Lock a task's row until the scope ends, for everybody who writes what happens in it.

    Raises AttemptLost unless it is this attempt that runs it, if one is given.
    """
    row = Task.objects.select_for_update(no_key=True).only("state", "attempt").get(pk=task.pk)
    if attempt is not None and (row.state, row.attempt) != (Task.State.RUNNING, attempt):
        raise AttemptLost


def finish_task(
    task: Task,
    *,
    state: Task.State,
    output: str = "",
    reason: str = "",
    at: datetime | None = None,
    **used: int,
) -> bool:
    """End a task that has not ended; return whether it had not. `reason` says why it failed.

    `used` are totals (input_tokens, output_tokens, cost_micros), where they were not counted as the
    task went on.
    """
    finished = {
        "state": state,
        "output": _stored(output),
        "state_reason": _stored(reason)[:500],
        "finished_at": at or timezone.now(),
        "job": None,
        **used,
    }
    if not Task.objects.unfinished().filter(pk=task.pk).update(**finished):
        return False
    for name, value in finished.items():
        setattr(task, name, value)
    live.tell(task)
    return True


def say_state(task: Task, state: Task.State, reason: str = "") -> None:
    """Note as an event that a task comes into a state, and why."""
    data = {"state": state, "reason": reason, "attempt": task.attempt}
    append_events(task, [NewEvent(Event.Kind.STATE, reason, data)])


def end_task(task: Task, state: Task.State, *, output: str = "", reason: str = "") -> None:
    """End a task and say so. Nobody's answer is waited for any more."""
    say_state(task, state, reason)
    finish_task(task, state=state, output=output, reason=reason)
    pending = Approval.objects.filter(task=task, state=Approval.State.PENDING)
    pending.update(state=Approval.State.VOID)


def rename(conversation: Conversation, *, title: str) -> None:
    """Give a conversation another title, by which its first task is found from now on."""
    locked = _locked(conversation)
    before, locked.title = locked.title, _title(title)
    conversation.title = locked.title
    if before == locked.title:
        return
    locked.save(update_fields=["title"])
    first = Task.objects.only("pk").filter(conversation=locked, number=1).first()
    if first is not None:
        index(first)
    record("conversation.change", locked, changes={"title": (before, locked.title)})


def archive(conversation: Conversation) -> None:
    """Take a conversation out of the list. Its tasks stay in the history."""
    _set_archived(conversation, timezone.now())


def restore(conversation: Conversation) -> None:
    _set_archived(conversation, None)


def delete(conversation: Conversation) -> None:
    """Delete a conversation with its tasks, events and artifacts, for good.

    Raises HistoryRefused while one of its tasks has not ended.
    """
    locked = _locked(conversation)
    if Task.objects.unfinished().filter(conversation=locked).exists():
        raise HistoryRefused("A task of this conversation has not ended yet. Cancel it first.")
    record("conversation.delete", locked, changes={"title": (locked.title, "")})
    locked.delete()


def index(task: Task) -> None:
    """Write anew what a task is found by, from what is stored of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fleet_index_task(%s)", [task.pk])


def _locked(conversation: Conversation) -> Conversation:
    return Conversation.objects.select_for_update(of=["self"], no_key=True).get(pk=conversation.pk)


def _set_archived(conversation: Conversation, at: datetime | None) -> None:
    locked = _locked(conversation)
    before = locked.archived_at
    conversation.archived_at = before
    if bool(before) == bool(at):
        return
    conversation.archived_at = locked.archived_at = at
    locked.save(update_fields=["archived_at"])
    verb = "archive" if at else "restore"
    record(f"conversation.{verb}", locked, changes={"archived": (bool(before), bool(at))})


def _id_at(moment: datetime, drawn: Any) -> Any:
    """Return an id of that time, with the random rest of the one that was drawn."""
    rest = (1 << 62) - 1
    return type(drawn)(int=first_id_at(moment).int | drawn.int & rest)


def _title(text: str) -> str:
    """Return a title as it is stored: a line, which an agent may have written."""
    return one_line(text)[:200].rstrip() or "Untitled"


def _stored(text: str) -> str:
    """Return it as PostgreSQL takes it: without NUL, and "?" for half a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _stored(value)
    if isinstance(value, float) and not math.isfinite(value):  # which JSON has no number for
        return str(value)
    if isinstance(value, dict):
        return {_stored(str(key)): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value
