"""Which task runs next, and which wait: slots, one task of an agent at a time, places, fairness."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from agenhood.fleet import queue
from agenhood.fleet.actions import agent as agents
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import AttemptLost, NewEvent
from agenhood.fleet.models import Event, Task
from tests.factories import TaskFactory
from tests.postgres import superuser
from tests.workers.run import until

State = Task.State
pytestmark = pytest.mark.usefixtures("committed_db")


def with_job(crew, tasks):
    return [crew.task(task).job is not None for task in tasks]


def order():
    """The workspaces of the queue's jobs, as workers take them."""
    with superuser() as past_everything:
        rows = past_everything.execute(
            "SELECT args ->> 'workspace_id' FROM procrastinate_jobs"
            " WHERE queue_name = 'tasks' ORDER BY priority DESC, id"
        )
        return [workspace for (workspace,) in rows]


def test_an_agent_has_one_task_at_a_time_in_the_order_of_their_asking(crew_of):
    crew = crew_of()
    tasks = [crew.ask() for _ in range(3)]
    assert with_job(crew, tasks) == [True, False, False]

    first = crew.claim(tasks[0])
    assert crew.task(first).state == State.RUNNING
    crew.finish(first)

    assert with_job(crew, tasks[1:]) == [True, False]


def test_a_workspace_has_as_many_tasks_at_once_as_it_has_slots(crew_of):
    crew = crew_of(agents=4, max_running_tasks=2)
    tasks = [crew.ask(number) for number in range(4)]
    assert with_job(crew, tasks) == [True, True, False, False]

    running = crew.claim(tasks[0])
    crew.claim(tasks[1])
    assert with_job(crew, tasks[2:]) == [False, False]
    crew.finish(running)

    assert with_job(crew, tasks[2:]) == [True, False]


def test_slots_are_counted_again_when_a_task_begins(crew_of):
    crew = crew_of(agents=2, max_running_tasks=2)
    tasks = [crew.ask(number) for number in range(2)]
    crew.limit(max_running_tasks=1)

    first = crew.claim(tasks[0])
    assert crew.claim(tasks[1]) is None
    waits = crew.task(tasks[1])
    assert (waits.state, waits.job) == (State.QUEUED, None)
    crew.finish(first)

    assert crew.task(tasks[1]).job


def test_an_agents_task_does_not_begin_while_another_of_its_runs(crew_of):
    """Whatever job it has come to."""
    crew = crew_of()
    first, second = crew.ask(), crew.ask()
    crew.claim(first)
    with crew.scope:
        queue.queue_run(second)

    assert crew.claim(second) is None
    assert (crew.task(second).state, crew.task(second).job) == (State.QUEUED, None)


def test_of_two_that_begin_at_once_one_gets_the_last_slot(crew_of):
    crew = crew_of(agents=2)
    tasks = [crew.ask(0), crew.ask(1)]
    crew.limit(max_running_tasks=1)

    def begin():
        connection.close()
        try:
            return crew.claim(tasks[1])
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        with crew.scope:
            assert queue.claim(tasks[0].pk, job=tasks[0].job, worker="test")
            other = pool.submit(begin)
            # It has come as far as the queue, which is held here.
            until(waits_for_a_lock)
        assert other.result(timeout=20) is None


def waits_for_a_lock():
    with superuser() as past_everything:
        return past_everything.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()


def test_a_task_that_waits_for_answers_holds_no_slot(crew_of):
    crew = crew_of(agents=2, max_running_tasks=1)
    asks, other = crew.ask(0), crew.ask(1)
    crew.claim(asks)
    with crew.scope:
        Task.objects.filter(pk=asks.pk).update(state=State.WAITING, job=None)
        queue.wake()
    assert crew.task(other).job

    with crew.scope:
        queue.enqueue(asks)
    assert (crew.task(asks).state, crew.task(asks).job) == (State.QUEUED, None)
    crew.finish(crew.claim(other))

    assert crew.claim(asks).attempt == 1


@pytest.mark.parametrize("state", [State.WAITING, State.CANCELLED, State.SUCCEEDED])
def test_what_is_not_queued_does_not_begin(crew_of, state):
    crew = crew_of()
    task = crew.ask()
    with crew.scope:
        Task.objects.filter(pk=task.pk).update(state=state)

    assert crew.claim(task) is None
    assert crew.task(task).state == state


def test_a_task_whose_end_was_asked_for_is_cancelled_instead(crew_of):
    crew = crew_of()
    task = crew.ask()
    with crew.scope:
        Task.objects.filter(pk=task.pk).update(cancel_requested_at="2026-01-01T00:00Z")

    assert crew.claim(task) is None
    assert crew.task(task).state == State.CANCELLED


def test_a_job_that_the_task_does_not_name_begins_nothing(crew_of):
    crew = crew_of()
    task = crew.ask()

    with crew.scope:
        assert queue.claim(task.pk, job=task.job + 1, worker="late") is None
    assert crew.task(task).state == State.QUEUED


def test_a_paused_agents_tasks_wait_until_it_is_resumed(crew_of):
    crew = crew_of(agents=2, max_running_tasks=1)
    paused, other = crew.ask(0), crew.ask(1)
    with crew.scope:
        agents.pause(crew.agents[0])

    assert crew.claim(paused) is None
    assert with_job(crew, [paused, other]) == [False, True]
    crew.finish(crew.claim(other))
    with crew.scope:
        agents.resume(crew.agents[0])

    assert crew.task(paused).job


def test_a_suspended_workspaces_tasks_wait(crew_of):
    crew = crew_of()
    crew.limit(suspended_at="2026-01-01T00:00Z")
    task = crew.ask()
    assert crew.task(task).job is None

    crew.limit(suspended_at=None)
    with crew.scope:
        assert queue.wake() == 1


def test_a_place_in_the_queue_counts_what_begins_before(crew_of):
    crew = crew_of(agents=2)
    tasks = [crew.ask(number % 2) for number in range(4)]
    with crew.scope:
        assert [queue.place(task) for task in tasks] == [1, 2, 3, 4]
        agents.pause(crew.agents[0])
        assert queue.place(tasks[3]) == 2
    crew.claim(tasks[1])
    with crew.scope:
        assert queue.place(tasks[3]) == 1


# Fairness


def test_a_thousand_tasks_of_a_workspace_do_not_delay_anothers_first(crew_of):
    """By more than the tasks that run at this moment."""
    crowd, lone = crew_of(agents=2, max_running_tasks=1000), crew_of()
    by = crowd.member.user
    with crowd.scope:
        threads = [
            history.start_conversation(agent=agent, title="Birds", by=by) for agent in crowd.agents
        ]
        last = [history.add_task(threads[number % 2], text="x", by=by) for number in range(1000)][
            -1
        ]
        queue.enqueue(last)
    lone.ask()

    crowds, lones = str(crowd.member.workspace_id), str(lone.member.workspace_id)
    assert order() == [crowds, lones, crowds]
    with crowd.scope:
        assert queue.place(last) == 1000


def test_many_agents_of_a_workspace_do_not_delay_anothers_first(crew_of):
    crowd, lone = crew_of(agents=12, max_running_tasks=12), crew_of()
    for number in range(12):
        crowd.ask(number)
    lone.ask()

    assert order().index(str(lone.member.workspace_id)) == 1


# Limits


def used(crew, **values):
    with crew.scope:
        task = history.add_task(
            history.start_conversation(agent=crew.agents[0], title="x", by=crew.member.user),
            text="x",
            by=crew.member.user,
        )
        history.start_task(task)
        history.finish_task(task, state=State.SUCCEEDED, **values)


LIMITS = {
    "tokens of the day": ("max_tokens_per_day", "1,000 tokens for this day. It goes on tomorrow"),
    "tokens of the month": ("max_tokens_per_month", "1,000 tokens for this month. It goes on next"),
    "spend of the day": ("max_cents_per_day", "$10.00 for this day. It goes on tomorrow"),
    "spend of the month": ("max_cents_per_month", "$10.00 for this month. It goes on next month"),
}


@pytest.mark.parametrize("what", LIMITS)
def test_tokens_and_spend_have_limits(crew_of, what):
    limit, words = LIMITS[what]
    crew = crew_of(**{limit: 1000})
    used(crew, input_tokens=900, output_tokens=99, cost_micros=9_999_999)
    task = crew.ask()
    with crew.scope:
        assert queue.over_limit() == queue.refusal() == ""
    used(crew, input_tokens=1, cost_micros=1)

    with crew.scope:
        assert words in queue.over_limit()
        assert words in queue.refusal()
    assert crew.claim(task) is None
    ended = crew.task(task)
    assert ended.state == State.FAILED
    assert words in ended.state_reason


def test_what_was_used_before_the_day_counts_for_its_month_or_not_at_all(crew_of):
    crew = crew_of(max_tokens_per_day=10, max_tokens_per_month=10)
    used(crew, input_tokens=50)
    with crew.scope:
        Task.objects.update(started_at="2020-01-01T00:00Z")
        assert queue.over_limit() == ""
        assert queue.used_since(queue.month()) == queue.Used(0, 0)


def test_another_workspaces_use_does_not_count(crew_of):
    crew, other = crew_of(max_tokens_per_day=10), crew_of()
    used(other, input_tokens=50)
    with crew.scope:
        assert queue.over_limit() == ""


def test_a_queue_has_a_length(crew_of):
    crew = crew_of(max_queued_tasks=2)
    crew.ask()
    with crew.scope:
        assert queue.refusal() == ""
    crew.ask()
    with crew.scope:
        assert "2 tasks in its queue" in queue.refusal()


# The death of a worker


def test_a_dead_workers_task_begins_anew_until_its_attempts_are_used_up(crew_of):
    crew = crew_of()
    task = crew.ask()
    attempts = [crew.claim(task, f"worker-{number}") for number in range(3)]

    assert [begun and begun.attempt for begun in attempts] == [1, 2, None]
    ended = crew.task(task)
    assert (ended.state, ended.attempt) == (State.FAILED, 2)
    assert "died" in ended.state_reason
    with crew.scope:
        said = [event.data for event in Event.objects.filter(task=task).order_by("number")]
    assert [(data["state"], data["attempt"]) for data in said] == [
        ("running", 1),
        ("running", 2),
        ("failed", 2),
    ]


def test_an_earlier_attempt_writes_nothing_any_more(crew_of):
    crew = crew_of()
    task = crew.ask()
    late = crew.claim(task)
    crew.claim(task)

    with crew.scope, pytest.raises(AttemptLost):
        history.append_events(late, [NewEvent(Event.Kind.MESSAGE, "late")], attempt=late.attempt)
    with crew.scope:
        assert not Event.objects.filter(text="late").exists()


def test_no_attempt_writes_into_a_task_that_has_ended(crew_of):
    crew = crew_of()
    task = crew.claim(crew.ask())
    crew.finish(task)

    with crew.scope, pytest.raises(AttemptLost):
        history.append_events(task, [NewEvent(Event.Kind.MESSAGE)], attempt=task.attempt)


# Telling


def test_watchers_are_told_ids_when_it_is_certain(crew_of):
    crew = crew_of()
    place = crew.member.workspace_id
    with superuser() as past_everything:
        past_everything.execute("LISTEN agenhood_live")
        task = crew.ask()
        with crew.scope:
            history.append_events(task, [NewEvent(Event.Kind.MESSAGE)] * 3)
            agents.pause(crew.agents[0])
        told = [n.payload for n in past_everything.notifies(timeout=10, stop_after=3)]

    assert told == [
        f"{place}|{task.pk}|state",
        f"{place}|{task.pk}|3",
        f"{place}|{crew.agents[0].pk}|agent",
    ]


def test_a_task_of_another_workspace_is_not_begun(crew_of):
    crew, other = crew_of(), crew_of()
    theirs = TaskFactory(workspace=other.member.workspace)
    with crew.scope:
        assert queue.claim(theirs.pk, job=1, worker="test") is None
