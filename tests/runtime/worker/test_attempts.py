"""What fails for a reason that may pass is tried again, as often as the agent says."""

import pytest

from agenhood.fleet import queue
from agenhood.fleet.actions import approval as approvals
from agenhood.fleet.actions import history
from agenhood.fleet.models import Approval, Event, Task, Transcript
from agenhood.runtime.run import AskFirst, Outcome
from tests.workers.run import work_off

State = Task.State


@pytest.fixture
def outcomes(monkeypatch):
    """What the driver answers, one after the other, and the runs that it was given."""
    found, runs = [], []

    def run(run):
        runs.append(run)
        return found.pop(0)

    monkeypatch.setattr("agenhood.runtime.drivers.command.run", run)
    monkeypatch.setattr("agenhood.runtime.settling.RETRY_AFTER_SECONDS", (0,))
    return found, runs


AWAY = Outcome(State.FAILED, reason="The provider did not answer.", can_retry=True)


def test_what_may_fare_better_is_tried_again(crew, outcomes):
    found, runs = outcomes
    found += [AWAY, Outcome(State.SUCCEEDED, output="three")]
    task = crew.ask()
    work_off()
    ended = crew.task(task)
    assert (ended.state, ended.output, ended.attempt) == (State.SUCCEEDED, "three", 2)
    assert len(runs) == 2
    begun = [event.data for event in crew.events(task, Event.Kind.STATE)]
    assert [one["attempt"] for one in begun if one["state"] == "running"] == [1, 2]
    assert crew.states(task) == ["running", "queued", "running", "succeeded"]


def test_attempts_are_used_up(crew, outcomes):
    found, runs = outcomes
    found += [AWAY] * 3
    crew.set_agent(max_attempts=3)
    task = crew.ask()
    work_off()
    ended = crew.task(task)
    assert (ended.state, ended.state_reason, len(runs)) == (State.FAILED, AWAY.reason, 3)


def test_a_failure_for_good_is_not_tried_again(crew, outcomes):
    found, runs = outcomes
    found += [Outcome(State.FAILED, reason="No.")]
    task = crew.ask()
    work_off()
    assert (crew.state(task), len(runs)) == (State.FAILED, 1)


def test_a_task_waits_for_answers_and_goes_on_in_the_same_attempt(crew, outcomes):
    found, runs = outcomes
    asks = [AskFirst("c1", "run_shell", {"command": "ls"})]
    found += [
        Outcome(State.WAITING, asks=asks, messages=[{"said": "may I?"}]),
        Outcome(State.SUCCEEDED, messages=[{"said": "may I?"}, {"said": "done"}]),
    ]
    task = crew.ask()
    work_off()
    waits = crew.task(task)
    assert (waits.state, waits.job) == (State.WAITING, None)
    with crew.scope:
        approval = Approval.objects.get()
        assert (approval.call, approval.arguments) == ("c1", {"command": "ls"})

    with crew.scope:
        approvals.decide(approval, allow=False, by=crew.member.user, note="not that")
    work_off()

    assert (crew.state(task), crew.task(task).attempt) == (State.SUCCEEDED, 1)
    assert list(runs[1].messages) == [{"said": "may I?"}]
    [decision] = runs[1].decisions
    assert (decision.call, decision.is_allowed, decision.note) == ("c1", False, "not that")
    with crew.scope:
        assert Transcript.objects.get().messages[-1] == {"said": "done"}


def test_a_conversations_next_task_remembers_the_ones_before(crew, outcomes):
    found, runs = outcomes
    found += [Outcome(State.SUCCEEDED, messages=[number]) for number in (1, 2, 3)]
    first = crew.ask()
    other = crew.ask()
    with crew.scope:
        task = history.add_task(first.conversation, text="and now?", by=crew.member.user)
        queue.enqueue(task)
    work_off()
    assert [list(run.memory) for run in runs] == [[], [], [1]]
    assert other.pk in [run.task_id for run in runs]
