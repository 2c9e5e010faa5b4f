"""What people do with tasks: submit, cancel, stop by force, try again. In a workspace's scope.

A task's row and the job that will run it are written in one transaction.
"""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from agenhood.fleet import configuration, live, queue
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import HistoryRefused
from agenhood.fleet.hostile import one_line
from agenhood.fleet.models import Agent, Conversation, Schedule, Task
from workspaces.audit import record

TITLE_CHARACTERS = 80  # of a task's text, for the conversation that it begins
State = Task.State


class TaskRefused(Exception):
    """Nothing was done; the message says why, for the person who asked."""


def submit(
    agent: Agent,
    text: str,
    *,
    by: User,
    conversation: Conversation | None = None,
    submission: UUID | None = None,
    retry_of: Task | None = None,
    schedule: Schedule | None = None,
) -> Task:
    """Queue a task for an agent, in a conversation with it or a new one.

    `submission` is the key of the form that it came by: sent twice, there is one task. Raises
    TaskRefused when the agent cannot work, the conversation is archived or a limit is reached.
    """
    if submission and (made := _made_by(submission, agent, by)):
        return made
    refuse_unless_it_can_work(agent)
    if refusal := queue.refusal():
        raise TaskRefused(refusal)
    try:
        with transaction.atomic():
            thread = conversation or history.start_conversation(
                agent=agent, title=title_of(text), by=by
            )
            task = history.add_task(
                thread,
                text=text,
                by=by,
                submission=submission,
                retry_of=retry_of.number if retry_of else None,
                schedule=schedule,
            )
            queue.enqueue(task)
    except HistoryRefused as refused:
        raise TaskRefused(str(refused)) from refused
    except IntegrityError:
        # The same form at the same moment; the other one has won.
        made = _made_by(submission, agent, by) if submission else None
        if made is None:
            raise
        return made
    return task


def retry(task: Task, *, by: User, text: str | None = None, submission: UUID | None = None) -> Task:
    """Queue a task's text once more, or another text, for its agent as it is configured now.

    In the same conversation. Raises TaskRefused as `submit`, and while the task has not ended.
    """
    if task.state in Task.UNFINISHED:
        raise TaskRefused("This task has not ended yet. Cancel it first, or wait for its end.")
    return submit(
        task.agent,
        task.input if text is None else text,
        by=by,
        conversation=task.conversation,
        submission=submission,
        retry_of=task,
    )


def cancel(task: Task, *, by: User) -> bool:
    """Ask for a task's end; return whether this call did.

    What does not run yet, or waits for an answer, ends at once. What runs is asked to end, and is
    killed when it has not done so in time.
    """
    return _stop(task, by, by_force=False)


def force_stop(task: Task, *, by: User) -> bool:
    """Have all that a running task has started killed at once; return whether this call did."""
    return _stop(task, by, by_force=True)


def refuse_unless_it_can_work(agent: Agent) -> None:
    """Raise TaskRefused, with the reasons, for an agent that no task may be given to now."""
    if agent.state != Agent.State.RUNNING:
        words = {"paused": "paused", "archived": "archived", "error": "in error"}[agent.state]
        remedy = "Restore" if agent.state == Agent.State.ARCHIVED else "Resume"
        raise TaskRefused(f"{agent} is {words}: it takes no tasks. {remedy} it first.")
    if lacks := configuration.needs(agent, agent.grants.select_related("credential")):
        raise TaskRefused(f"{agent} cannot work as it is set up. {' '.join(lacks)}")


def title_of(text: str) -> str:
    """Return what a conversation that begins with this text is called: its first words."""
    line = one_line(text.strip().partition("\n")[0])
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip() + "…"


def _made_by(submission: UUID, agent: Agent, by: User) -> Task | None:
    found: Task | None = Task.objects.filter(
        submission=submission, agent=agent, created_by=by
    ).first()
    return found


def _stop(task: Task, by: User, *, by_force: bool) -> bool:
    locked: Task = Task.objects.select_for_update(of=["self"], no_key=True).get(pk=task.pk)
    before = locked.state
    if before not in Task.UNFINISHED or not _note_request(locked, by, by_force):
        return False
    if before != State.RUNNING:
        # Nothing runs it: it is queued, or waits for answers.
        history.end_task(locked, State.CANCELLED)
    verb = "stop" if by_force else "cancel"
    record(f"task.{verb}", locked, changes={"state": (before, locked.state)})
    live.tell(locked)
    if before != State.RUNNING:
        queue.wake()
    return True


def _note_request(task: Task, by: User, by_force: bool) -> bool:
    """Store that the task is to end; return whether that is new."""
    changes: dict[str, Any] = {}
    if task.cancel_requested_at is None:
        changes = {"cancel_requested_at": timezone.now(), "cancel_requested_by": by}
    if by_force and not task.is_stopped_by_force:
        changes["is_stopped_by_force"] = True
    for name, value in changes.items():
        setattr(task, name, value)
    task.save(update_fields=list(changes))
    return bool(changes)
