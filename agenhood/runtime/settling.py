"""What becomes of a task when a run of it ends."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from agenhood.fleet import live, queue
from agenhood.fleet.actions import credential as credentials
from agenhood.fleet.actions import history
from agenhood.fleet.models import Agent, Approval, Task, Transcript
from agenhood.runtime.run import Outcome, StopReason
from agenhood.runtime.scrub import Scrubber
from agenhood.runtime.stopping import Stopping

State = Task.State

RETRY_AFTER_SECONDS = (2, 10, 30)
ENDED = {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.TIMED_OUT}


def settle(task: Task, outcome: Outcome, stop: Stopping | None, scrubber: Scrubber | None) -> None:
    """Store how a run ended, in the task's workspace's scope, and begin what waits for its place.

    Whoever calls it holds the task's row, and knows that it is this attempt's.
    """
    state, reason = _stopped(outcome, stop) if stop else (outcome.state, outcome.reason)
    clean: Callable[[str], str] = scrubber.text if scrubber else str
    if outcome.messages:
        messages = list(outcome.messages)
        messages = scrubber.data(messages) if scrubber else messages
        Transcript.objects.update_or_create(task=task, defaults={"messages": messages})
    if state == State.FAILED and outcome.can_retry and _has_attempts(task):
        _try_again(task, clean(reason))
    elif state == State.QUEUED:
        _put_back(task, "The worker ends: another one goes on.")
    elif state == State.WAITING:
        _ask(task, outcome, scrubber)
    else:
        history.end_task(task, state, output=clean(outcome.output), reason=clean(reason))
    credentials.forget_unused_versions()
    queue.wake()


def refused(words: str) -> str:
    return f"Stopped: {words.rstrip('.')}."


def _stopped(outcome: Outcome, stop: Stopping) -> tuple[State, str]:
    """Return the state and its reason. What was done when the worker was asked to end is done, and
    so is what the time ended for only while its files were collected."""
    reason = stop.reason
    if (
        reason is None
        or (reason == StopReason.WORKER_ENDS and outcome.state in ENDED)
        or (reason == StopReason.TIMED_OUT and outcome.state != State.TIMED_OUT)
    ):
        return outcome.state, outcome.reason
    states = {
        StopReason.CANCELLED: State.CANCELLED,
        StopReason.TIMED_OUT: State.TIMED_OUT,
        StopReason.WORKER_ENDS: State.QUEUED,
    }
    words = {
        StopReason.CANCELLED: "Stopped by force." if stop.is_forced else "",
        StopReason.REFUSED: refused(stop.words),
    }
    return states.get(reason, State.FAILED), words.get(reason, stop.words)


def _has_attempts(task: Task) -> bool:
    most: int = Agent.objects.values_list("max_attempts", flat=True).get(pk=task.agent_id)
    return task.attempt < most


def _try_again(task: Task, reason: str) -> None:
    wait = RETRY_AFTER_SECONDS[min(task.attempt, len(RETRY_AFTER_SECONDS)) - 1]
    words = f"{reason} Attempt {task.attempt + 1} begins in {wait} seconds."
    history.say_state(task, State.QUEUED, words)
    _set(task, state=State.QUEUED, attempt=task.attempt + 1, worker="")
    queue.queue_run(task, at=timezone.now() + timedelta(seconds=wait))


def _put_back(task: Task, reason: str) -> None:
    """Queue a task again as it was: it was no fault of its own, so it is the same attempt."""
    history.say_state(task, State.QUEUED, reason)
    _set(task, state=State.QUEUED, job=None, worker="")


def _ask(task: Task, outcome: Outcome, scrubber: Scrubber | None) -> None:
    for ask in outcome.asks:
        arguments: Any = dict(ask.arguments)
        Approval.objects.get_or_create(
            task=task,
            call=ask.call,
            defaults={
                "tool": ask.tool,
                "arguments": scrubber.data(arguments) if scrubber else arguments,
            },
        )
    history.say_state(task, State.WAITING)
    _set(task, state=State.WAITING, job=None, worker="")


def _set(task: Task, **values: Any) -> None:
    for name, value in values.items():
        setattr(task, name, value)
    task.save(update_fields=list(values))
    live.tell(task)
