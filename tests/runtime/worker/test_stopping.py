"""Runs that are to end before their own end: what is asked for, and what becomes of the task."""

import json
import signal

import pytest

from agenhood.fleet import queue
from agenhood.fleet.actions import task as tasks
from agenhood.fleet.models import Event, Task
from agenhood.runtime.drivers import command
from agenhood.runtime.run import StopReason
from tests.factories import MembershipFactory
from tests.postgres import superuser
from tests.workers.run import until, work_off, worker
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import platform_scope

State = Task.State
QUICK = ("--heartbeat", "0.2", "--stalled-after", "1")
# Each writes a line when it has begun, and goes on until it is stopped.
PATIENT = "trap 'echo told; exit 0' TERM; echo begun; while :; do sleep 0.1; done"
STUBBORN = "trap 'echo told' TERM; echo begun; while :; do sleep 0.1; done"


def begun(crew, task):
    return lambda: "begun" in crew.said(task)


def cancel(crew, task):
    with crew.scope:
        tasks.cancel(crew.task(task), by=crew.member.user)


def force_stop(crew, task):
    with crew.scope:
        tasks.force_stop(crew.task(task), by=crew.member.user)


def suspend(crew, _task):
    crew.set_workspace(suspended_at="2026-01-01T00:00Z")


def remove(crew, _task):
    with platform_scope("test"):
        Membership.objects.filter(pk=crew.member.pk).delete()


def demote(crew, _task):
    with platform_scope("test"):
        Membership.objects.filter(pk=crew.member.pk).update(role=Role.VIEWER)


STOPS = {
    "cancelled": (PATIENT, cancel, State.CANCELLED, ""),
    "stopped by force": (STUBBORN, force_stop, State.CANCELLED, "Stopped by force."),
    "suspended": (STUBBORN, suspend, State.FAILED, "Stopped: the workspace is suspended."),
    "removed": (
        STUBBORN,
        remove,
        State.FAILED,
        "Stopped: the person is no active member of the workspace.",
    ),
    "demoted": (
        STUBBORN,
        demote,
        State.FAILED,
        "Stopped: the person's role does not hold task.run any more.",
    ),
}


@pytest.mark.parametrize("how", STOPS)
def test_a_run_is_stopped(crew, how):
    command, happens, state, reason = STOPS[how]
    task = crew.ask(command)
    with worker(*QUICK) as process:
        until(begun(crew, task), process)
        happens(crew, task)
        until(lambda: crew.is_over(task), process)

    ended = crew.task(task)
    assert (ended.state, ended.state_reason) == (state, reason)
    assert ended.job is None
    if command == PATIENT:
        assert "told" in crew.said(task)
    refusals = [reason for outcome, reason, _kind in crew.trail("task.run") if outcome == "denied"]
    assert bool(refusals) == (state == State.FAILED)


def test_a_run_that_takes_too_long_is_timed_out(crew):
    crew.set_agent(wall_seconds=1)
    task = crew.ask(PATIENT)
    work_off()
    ended = crew.task(task)
    assert (ended.state, ended.state_reason) == (
        State.TIMED_OUT,
        "It took longer than 1 seconds.",
    )
    assert "told" in crew.said(task)


ENDINGS = {
    StopReason.TIMED_OUT: (State.SUCCEEDED, {"x"}, []),
    StopReason.CANCELLED: (
        State.CANCELLED,
        set(),
        ["It was stopped, or took too long: not all files are kept."],
    ),
}


@pytest.mark.parametrize("reason", ENDINGS)
def test_a_run_that_is_stopped_while_its_files_are_collected(crew, monkeypatch, reason):
    """What has ended in time stays so; a stop by force leaves its files."""
    state, files, words = ENDINGS[reason]

    def run_and_stop(run):
        outcome = really(run)
        run.stop.because(reason, "late", by_force=True)
        return outcome

    really = command.run
    monkeypatch.setattr(command, "run", run_and_stop)
    task = crew.ask("echo x > out/x")
    work_off()
    assert crew.state(task) == state
    assert set(crew.artifacts(task)) == files
    assert [event.text for event in crew.events(task, Event.Kind.ERROR)] == words


def test_a_run_over_a_limit_of_its_workspace_is_stopped(crew):
    crew.set_workspace(max_tokens_per_day=1000)
    used = json.dumps({"event": "usage", "model": "m", "input_tokens": 1000, "output_tokens": 1})
    task = crew.ask(f"echo '{used}'; {STUBBORN}")
    work_off()
    ended = crew.task(task)
    assert ended.state == State.FAILED
    assert "1,000 tokens for this day" in ended.state_reason
    assert (ended.input_tokens, ended.output_tokens) == (1000, 1)


REFUSED_BEFORE = {
    "removed": (remove, State.FAILED),
    "demoted": (demote, State.FAILED),
    "suspended": (suspend, State.QUEUED),
}


@pytest.mark.parametrize("how", REFUSED_BEFORE)
def test_what_may_not_be_run_any_more_does_not_begin(crew, how):
    happens, state = REFUSED_BEFORE[how]
    task = crew.ask("echo begun")
    happens(crew, task)
    work_off()
    assert (crew.task(task).state, crew.task(task).job) == (state, None)
    assert crew.said(task) == ""


def test_a_task_of_a_suspended_workspace_begins_once_it_is_not_any_more(crew):
    task = crew.ask("echo begun")
    suspend(crew, task)
    work_off()
    crew.set_workspace(suspended_at=None)
    with crew.scope:
        queue.wake()
    work_off()
    assert crew.state(task) == State.SUCCEEDED


@pytest.mark.parametrize("how", [cancel, force_stop])
def test_a_cancelled_task_never_begins(crew, how):
    """Though its job is in the queue, and its slot is free for the next at once."""
    task, then = crew.ask("echo begun"), crew.ask("echo begun")
    how(crew, task)
    work_off()
    assert crew.state(task) == State.CANCELLED
    assert crew.said(task) == ""
    assert crew.state(then) == State.SUCCEEDED


def test_a_worker_that_is_asked_to_end_hands_its_tasks_over(crew):
    """To another one, in the same attempt, while what comes after them still waits."""
    task = crew.ask(f"test -e done && exit 0; touch done; {PATIENT}")
    with worker(*QUICK) as first:
        until(begun(crew, task), first)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=20)
    assert first.returncode == 0
    assert (crew.state(task), crew.task(task).attempt) == (State.QUEUED, 1)

    work_off()

    ended = crew.task(task)
    assert (ended.state, ended.attempt) == (State.SUCCEEDED, 1)
    assert crew.states(task) == ["running", "queued", "running", "succeeded"]


def test_an_agent_that_lost_what_it_needs_says_so(crew):
    task = crew.ask("echo begun")
    with crew.scope:
        crew.agent.project.archived_at = "2026-01-01T00:00Z"
        crew.agent.project.save()
    work_off()
    ended = crew.task(task)
    assert ended.state == State.FAILED
    assert "cannot work as it is set up. Its project is archived." in ended.state_reason


def test_what_nobody_foresaw_is_a_failure_in_plain_words(crew, monkeypatch, caplog):
    def broken(run):
        raise ValueError("words of the workspace: Kestrel")

    monkeypatch.setattr("agenhood.runtime.drivers.command.run", broken)
    task = crew.ask()
    work_off()
    ended = crew.task(task)
    assert (ended.state, "nobody foresaw" in ended.state_reason) == (State.FAILED, True)
    assert "Kestrel" not in json.dumps([event.data for event in crew.events(task)])
    assert "ValueError" in caplog.text
    assert "Kestrel" not in caplog.text


def test_two_workspaces_tasks_at_once_see_nothing_of_each_other(crew_of):
    crews = [crew_of() for _ in range(2)]
    asked = [crew.ask("ls -A; echo mine > $AGENT", text="x") for crew in crews]
    for crew in crews:
        crew.set_agent(environment={"AGENT": str(crew.agent.pk)})
    again = [crew.ask(text="y") for crew in crews]
    with worker(*QUICK) as process:
        until(
            lambda: all(crew.is_over(task) for crew, task in zip(crews, again, strict=True)),
            process,
        )
    for crew, first, second, other in zip(crews, asked, again, reversed(crews), strict=True):
        assert str(other.agent.pk) not in crew.said(first) + crew.said(second)
        assert str(crew.agent.pk) in crew.said(second)


def test_nobody_holds_a_connection_while_a_program_works(crew):
    MembershipFactory()
    task = crew.ask(PATIENT)
    with worker(*QUICK) as process:
        until(begun(crew, task), process)
        with superuser() as past_everything:
            open_transactions = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND usename = 'agenhood_app' AND state = 'idle in transaction'"
                " AND xact_start < now() - interval '1 second'"
            )
            assert past_everything.execute(open_transactions).fetchone() == (0,)
        cancel(crew, task)
        until(lambda: crew.is_over(task), process)
    assert crew.events(task, Event.Kind.STATE)[-1].data["state"] == State.CANCELLED
