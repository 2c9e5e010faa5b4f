"""What a run notes is stored in order, once, whatever becomes of the database meanwhile."""

import threading

import pytest
from django.db import OperationalError, connection
from psycopg import errors

from agenhood.fleet import queue
from agenhood.fleet.models import Event
from agenhood.runtime import patience, stopping
from agenhood.runtime.recorder import EventRecorder
from agenhood.runtime.run import StopReason
from agenhood.runtime.scrub import Scrubber
from agenhood.runtime.stopping import Stopping
from tests.postgres import superuser
from workspaces.jobs import Job

MESSAGE = Event.Kind.MESSAGE


@pytest.fixture
def stop():
    return Stopping(wall_seconds=60, worker_ends=lambda: False)


@pytest.fixture
def task(crew):
    asked = crew.ask()
    with crew.scope:
        return queue.claim(asked.pk, job=asked.job, worker="test")


@pytest.fixture
def recorder(crew, task, stop):
    job = Job(
        name="task.run",
        number=task.job,
        workspace_id=task.workspace_id,
        actor_id=task.created_by_id,
        attempt=1,
        permission=None,
        should_stop=lambda: False,
        worker_ends=lambda: False,
    )
    return EventRecorder(job, task, scrubber=Scrubber(["hidden-0123456789"]), stop=stop)


def texts(crew, task, kind=MESSAGE):
    return [event.text for event in crew.events(task, kind)]


def test_events_are_stored_in_order_from_many_threads(crew, task, recorder):
    def note(name):
        for number in range(500):
            recorder.event(MESSAGE, f"{name} {number}")

    with recorder:
        threads = [threading.Thread(target=note, args=[name]) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = texts(crew, task)
    for name in "abcd":
        ours = [text for text in found if text.startswith(name)]
        assert ours == [f"{name} {number}" for number in range(500)]
    numbers = [event.number for event in crew.events(task)]
    assert numbers == list(range(1, 2002))


def test_what_was_flushed_is_stored(crew, task, recorder):
    with recorder:
        recorder.event(MESSAGE, "one")
        recorder.flush()
        assert texts(crew, task) == ["one"]


def nested(levels):
    found = []
    for _ in range(levels):
        found = [found]
    return found


def test_what_cannot_be_kept_is_said_to_be_missing_and_all_else_is_kept(crew, task, recorder, stop):
    with recorder:
        for number in range(5):
            recorder.event(MESSAGE, str(number))
        recorder.event(Event.Kind.TOOL_CALL, "deep", arguments=nested(5000))
        recorder.event(Event.Kind.TOOL_CALL, "long", arguments=10**5000)
        recorder.event("a kind that the database has no room for")
        recorder.usage("m", input_tokens=7, output_tokens=2, cost_micros=5)
        recorder.usage("m", input_tokens=10**20, output_tokens=1, cost_micros=1)
        recorder.event(MESSAGE, "after")
        recorder.flush()
        assert stop.reason is None

    found = crew.events(task)
    assert [event.number for event in found] == list(range(1, 1 + len(found)))
    kinds = ["message"] * 5 + ["error"] * 3 + ["usage", "error", "message"]
    assert [event.kind for event in found if event.kind != "state"] == kinds
    assert set(texts(crew, task, Event.Kind.ERROR)) == {"An event could not be kept."}
    assert texts(crew, task)[-1] == "after"
    assert crew.task(task).input_tokens == 7


@pytest.mark.parametrize(
    ("cause", "calls"), [(errors.StatementTooComplex, 1), (errors.AdminShutdown, 2)]
)
def test_what_the_database_finds_too_deep_is_not_tried_again(monkeypatch, cause, calls):
    monkeypatch.setattr(patience, "RETRY_SECONDS", (0,))
    called = []

    def write(is_repeated):
        called.append(is_repeated)
        raise OperationalError from cause()

    with pytest.raises(OperationalError):
        patience.patiently(write, "a task")
    assert len(called) == calls


def test_usage_adds_up(crew, task, recorder):
    with recorder:
        for _ in range(3):
            recorder.usage("m", input_tokens=10, output_tokens=2, cost_micros=5)
    used = crew.task(task)
    assert (used.input_tokens, used.output_tokens, used.cost_micros) == (30, 6, 15)


def test_the_name_of_a_model_is_scrubbed_before_it_is_cut(crew, task, recorder):
    with recorder:
        name = "m" * 90 + "hidden-0123456789" + "n" * 50
        recorder.usage(name, input_tokens=1, output_tokens=1, cost_micros=1)
    (used,) = crew.events(task, Event.Kind.USAGE)
    assert used.data["model"] == "m" * 90 + "[secret]nn"


def test_a_secret_that_comes_in_pieces_is_found(crew, task, recorder):
    with recorder:
        for piece in ("a hid", "den-01", "23456789 b", " hidd"):
            recorder.output("stdout", piece)
            recorder.flush()
    assert crew.said(task) == "a [secret] b hidd"


def test_a_connection_that_breaks_loses_nothing_and_repeats_nothing(crew, task, recorder):
    """Broken each time that it is open: before, while and after something is written."""
    ended = threading.Event()

    def break_connections():
        with superuser() as past_everything:
            for _ in range(4):
                past_everything.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND usename = 'agenhood_app'"
                )
                ended.wait(0.1)

    connection.close()
    breaking = threading.Thread(target=break_connections)
    with recorder:
        breaking.start()
        for number in range(3000):
            recorder.event(MESSAGE, str(number))
        breaking.join()

    assert texts(crew, task) == [str(number) for number in range(3000)]


def test_a_commit_that_nobody_heard_of_is_not_repeated(crew, task, recorder, monkeypatch):
    write, calls = recorder._write, []

    def unheard(events, used, *, is_repeated):
        write(events, used, is_repeated=is_repeated)
        if events and not calls:
            calls.append(events)
            raise OperationalError

    monkeypatch.setattr(recorder, "_write", unheard)
    with recorder:
        recorder.usage("m", input_tokens=1, output_tokens=1, cost_micros=1)
        recorder.flush()
        recorder.event(MESSAGE, "after")
    assert texts(crew, task) == ["after"]
    assert len(crew.events(task, Event.Kind.USAGE)) == 1
    assert crew.task(task).input_tokens == 1


def test_an_attempt_that_lost_its_task_stops_and_stores_nothing(crew, task, recorder, stop):
    crew.set_task(task, attempt=2)
    with recorder:
        recorder.event(MESSAGE, "late")
        assert stop.wait(20)
        recorder.event(MESSAGE, "later")
        recorder.flush()
    assert (stop.reason, stop.is_forced) == (StopReason.LOST, True)
    assert texts(crew, task) == []


def test_a_reason_stays_and_its_grace_ends(monkeypatch):
    monkeypatch.setitem(stopping.GRACE, StopReason.CANCELLED, 3600.0)
    stop = Stopping(wall_seconds=60, worker_ends=lambda: False)
    assert not stop.wait(0.01)
    stop.because(StopReason.CANCELLED)
    stop.because(StopReason.REFUSED, "late")
    assert (stop.reason, stop.words, stop.is_forced) == (StopReason.CANCELLED, "", False)
    stop.because(StopReason.CANCELLED, by_force=True)
    assert stop.is_forced


def test_who_does_not_end_in_time_is_killed(monkeypatch):
    monkeypatch.setitem(stopping.GRACE, StopReason.CANCELLED, 0.0)
    stop = Stopping(wall_seconds=60, worker_ends=lambda: False)
    stop.because(StopReason.CANCELLED)
    assert stop.is_forced


@pytest.mark.parametrize(
    ("seconds", "ends", "reason"),
    [(0, False, StopReason.TIMED_OUT), (60, True, StopReason.WORKER_ENDS)],
)
def test_time_and_the_workers_end_need_no_database(seconds, ends, reason):
    assert Stopping(wall_seconds=seconds, worker_ends=lambda: ends).reason == reason
