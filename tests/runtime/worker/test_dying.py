"""Workers that are killed, and some that come back: no task is lost, done twice, or stuck."""

import os
import signal

import pytest

from agenhood.fleet.models import Agent, Event, Task
from agenhood.runtime.jobs import find_lost
from tests.postgres import superuser
from tests.workers.run import until, work_off, worker

State = Task.State
# A beat is missed long before a busy machine would.
QUICK = ("--heartbeat", "0.2", "--stalled-after", "2")
KILLS = 20


def running(crews):
    return [
        task for crew, tasks in crews for task in tasks if crew.task(task).state == State.RUNNING
    ]


def stalled_are_noticed():
    """Have the queue's jobs of dead workers looked for now, not at the next tenth second."""
    with superuser() as past_everything:
        past_everything.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)"
            " VALUES ('default', 'job.rescue', 100, '{\"timestamp\": 0}')"
        )


def test_a_worker_that_is_killed_twenty_times_loses_no_task_and_does_none_twice(crew_of):
    """A program may have come to its end when its worker is killed, and is run once more then: what
    is stored of the task says so, and it ends once."""
    made = [crew_of(max_attempts=5) for _ in range(3)]
    for crew in made:
        crew.set_workspace(max_running_tasks=2)
    command = "echo begun; sleep 0.4; echo done"
    crews = []
    for crew in made:
        agents = [crew.agent, crew.agent_more(max_attempts=5, project=crew.agent.project)]
        with crew.scope:
            Agent.objects.update(command=command)
        crews.append((crew, [crew.ask(agent=agent) for agent in agents for _ in range(8)]))

    killed = 0
    while killed < KILLS:
        with worker(*QUICK, "--concurrency", "4") as process:
            until(lambda: running(crews) or all_over(crews), process)
            if all_over(crews):
                break
            stalled_are_noticed()
            ended = count(crews, State.SUCCEEDED)
            # Now at once, now after some tasks more.
            if killed % 2:
                until(lambda ended=ended: count(crews, State.SUCCEEDED) > ended, process)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        killed += 1
    with worker(*QUICK, "--concurrency", "4") as process:
        stalled_are_noticed()
        until(lambda: all_over(crews), process)

    assert killed == KILLS
    for crew, tasks in crews:
        for task in tasks:
            ended = crew.task(task)
            numbers = [event.number for event in crew.events(task)]
            assert numbers == list(range(1, len(numbers) + 1))
            attempts = [event.data["attempt"] for event in crew.events(task, Event.Kind.STATE)]
            assert attempts == [*range(1, ended.attempt + 1), ended.attempt]
            if ended.state == State.FAILED:
                assert (ended.attempt, "died" in ended.state_reason) == (5, True)
            else:
                assert ended.state == State.SUCCEEDED
                begun = crew.events(task, Event.Kind.STATE)[-2].number
                said = [event.text for event in crew.events(task) if event.number > begun]
                assert "".join(said).count("done") == 1
            assert ended.job is None
    with superuser() as past_everything:
        left = past_everything.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'task.run'"
        ).fetchone()
    assert left == (0,)


def count(crews, state):
    return sum(crew.task(task).state == state for crew, tasks in crews for task in tasks)


def all_over(crews):
    return all(crew.is_over(task) for crew, tasks in crews for task in tasks)


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(crew):
    """Stopped for so long that another one has taken its task up, and then let go on."""
    task = crew.ask(
        "echo begun; n=0; while test $n -lt 400; do n=$((n+1)); echo $n; sleep 0.01; done"
    )
    with worker(*QUICK) as first:
        until(lambda: "begun" in crew.said(task), first)
        first.send_signal(signal.SIGSTOP)
        with worker(*QUICK) as second:
            stalled_are_noticed()
            until(lambda: crew.task(task).attempt == 2, second)
            first.send_signal(signal.SIGCONT)
            until(lambda: crew.is_over(task), second)
    ended = crew.task(task)
    assert (ended.state, ended.attempt) == (State.SUCCEEDED, 2)
    states = [(event.data["state"], event.data["attempt"]) for event in crew.events(task, "state")]
    assert states == [("running", 1), ("running", 2), ("succeeded", 2)]
    second_began = crew.events(task, "state")[1].number
    said = "".join(
        event.text for event in crew.events(task, "output") if event.number > second_began
    )
    assert said.split() == ["begun", *map(str, range(1, 401))]


def test_a_task_that_kills_its_worker_each_time_is_given_up(crew):
    task = crew.ask("echo begun; sleep 60")
    for attempt in (1, 2):
        with worker(*QUICK) as process:
            stalled_are_noticed()
            until(
                lambda attempt=attempt: (
                    crew.task(task).attempt == attempt and crew.said(task).count("begun") == attempt
                ),
                process,
            )
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    with worker(*QUICK) as process:
        stalled_are_noticed()
        until(lambda: crew.is_over(task), process)
    ended = crew.task(task)
    assert (ended.state, ended.attempt) == (State.FAILED, 2)
    assert ended.state_reason == "The worker died while it ran this, in attempt 2."


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_a_task_whose_job_is_gone_is_found(crew, state):
    task = crew.ask("echo begun")
    crew.set_task(task, state=state)
    with superuser() as past_everything:
        past_everything.execute("DELETE FROM procrastinate_jobs")
    with crew.scope:
        find_lost()
    assert crew.task(task).job not in (None, task.job)

    work_off()

    ended = crew.task(task)
    assert ended.state == State.SUCCEEDED
    assert ended.attempt == (2 if state == State.RUNNING else 1)


def test_a_task_whose_job_is_there_is_left_alone(crew):
    task = crew.ask()
    with crew.scope:
        find_lost()
    assert crew.task(task).job == task.job
