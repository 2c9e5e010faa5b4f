"""What a watcher is told: each event once and in order, whatever breaks on the way."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from agenhood.fleet import live
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Agent, Approval, Artifact, Event, Task
from agenhood.launcher import serve
from agenhood.live.replay import KEPT, MOST_MISSED
from tests import postgres
from tests.factories import AgentFactory, MembershipFactory, TaskFactory
from tests.live.conftest import OPTIONS, free_port, say
from workspaces.scope import workspace_scope


def write(task, count, size=10):
    """Write events in batches, on another connection."""
    try:
        for batch in range(0, count, size):
            say(task, *(f"event {batch + number}" for number in range(1, size + 1)))
    finally:
        connections.close_all()


def test_events_come_as_they_are_written(desk, viewer, task):
    say(task, "before")
    stream = desk.watch(viewer, task, "&after=0")
    assert stream.first("step").number == 1

    say(task, "after <b>it</b>", "and \x1b[31mmore")
    steps = [stream.first("step"), stream.first("step")]

    assert [step.number for step in steps] == [2, 3]
    assert "after &lt;b&gt;it&lt;/b&gt;" in steps[0].data["html"]
    assert "and more" in steps[1].data["html"]


def test_who_names_no_event_is_told_what_is_new(desk, viewer, task):
    say(task, "before")
    stream = desk.watch(viewer, task)
    stream.first("status")

    say(task, "after")

    assert stream.first("step").number == 2


def test_a_browser_that_comes_back_goes_on_where_it_was(desk, viewer, task):
    say(task, *"abcdef")

    stream = desk.watch(viewer, task, "&after=1", Last_Event_ID="4")

    assert stream.steps_until(6) == [5, 6]


@pytest.mark.parametrize("number", ["999999", "99999999999999999999", "-1", "x", "%C2%B2"])
def test_a_number_that_no_event_has_yet(desk, viewer, task, number):
    say(task, "before")
    other = desk.watch(viewer, task, f"&after={number}")
    other.first("status")
    stream = desk.watch(viewer, task, "&after=0")
    assert stream.steps_until(1) == [1]

    say(task, "after")

    assert stream.steps_until(2) == [2]
    assert other.steps_until(2) == [2]


def test_watchers_that_come_and_go_while_events_are_written(desk, viewer, task):
    """Each event once and in order, wherever a stream begins and however often it breaks."""
    count = 400
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write, task, count)
        stays = desk.watch(viewer, task, "&after=0")
        last, seen = 0, []
        while last < count:
            stream = desk.watch(viewer, task, f"&after={last}")
            told = stream.until(lambda one: one.number is not None and one.number % 40 == 0)
            stream.close()
            numbers = [one.number for one in told if one.name == "step"]
            seen += numbers
            last = numbers[-1]
        writing.result()

    assert seen == list(range(1, count + 1))
    assert stays.steps_until(count) == seen


def test_the_listening_connection_dies_in_the_middle(desk, viewer, task):
    stream = desk.watch(viewer, task, "&after=0")
    say(task, "first")
    assert stream.steps_until(1) == [1]

    with postgres.superuser() as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'agenhood live' AND datname = current_database()"
        ).fetchone()
    assert ended == (1,)
    say(task, "while nobody listens")
    say(task, "perhaps, too")

    assert stream.steps_until(3) == [2, 3]
    say(task, "again")
    assert stream.steps_until(4) == [4]


def test_the_connection_for_events_dies(desk, viewer, task):
    stream = desk.watch(viewer, task, "&after=0")
    say(task, "first")
    assert stream.steps_until(1) == [1]

    with postgres.superuser() as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'agenhood live events' AND datname = current_database()"
        ).fetchone()
    assert ended == (1,)
    say(task, "second")
    assert stream.steps_until(2) == [2]
    say(task, "third")
    assert stream.steps_until(3) == [3]


def test_what_an_event_changes_is_told_after_it(desk, viewer, task):
    stream = desk.watch(viewer, task)
    stream.first("status")

    with workspace_scope(viewer.workspace_id):
        history.append_events(task, [NewEvent(Event.Kind.USAGE, "")])
        Task.objects.filter(pk=task.pk).update(input_tokens=1200, output_tokens=34)

    told = stream.until(lambda one: one.name == "status")
    assert told[0].number == 1
    assert told[-1].data["events"] == 1
    assert told[-1].data["totals"] == "1,234 tokens · $0.00"
    assert [label for label, *_ in told[-1].data["meters"]] == ["Tokens"]


def test_the_web_process_is_killed_in_the_middle(desk, viewer, task):
    port = free_port()
    with serve.server(os.environ | OPTIONS, port) as process:
        stream = desk.watch(viewer, task, "&after=0", port=port)
        say(task, "first", "second")
        last = stream.steps_until(2)[-1]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    say(task, "while nobody serves")

    again = desk.watch(viewer, task, "&after=0", Last_Event_ID=str(last))

    assert again.steps_until(3) == [3]


def test_what_is_far_behind_is_named_and_not_sent(desk, viewer, task):
    with workspace_scope(viewer.workspace_id):
        said = [NewEvent(Event.Kind.OUTPUT, f"line {n}") for n in range(MOST_MISSED + 5)]
        history.append_events(task, said)
    last = MOST_MISSED + 5

    stream = desk.watch(viewer, task, "&after=2")
    told = [one for one in stream.until(lambda one: one.number == last) if one.number]

    assert told[0].name == "gap"
    assert told[0].data == {"begins": 3, "ends": last - KEPT}
    assert [one.number for one in told[1:]] == list(range(last - KEPT + 1, last + 1))
    say(task, "after")
    assert stream.steps_until(last + 1) == [last + 1]


def test_how_a_task_is_doing(desk, viewer):
    ahead = TaskFactory(workspace=viewer.workspace, state="queued")
    task = TaskFactory(workspace=viewer.workspace, state="queued")
    stream = desk.watch(viewer, task)
    assert stream.first("status").data["words"] == "Queued, place 2"

    with workspace_scope(viewer.workspace_id):
        history.finish_task(ahead, state=Task.State.CANCELLED)
    assert stream.first("status").data["words"] == "Queued, place 1"

    with workspace_scope(viewer.workspace_id):
        history.start_task(task)
        Task.objects.filter(pk=task.pk).update(input_tokens=1200, output_tokens=34)
    told = stream.first("status").data
    assert (told["state"], told["words"], told["totals"]) == (
        "running", "Running", "1,234 tokens · $0.00",
    )  # fmt: skip

    before = told["parts"]
    with workspace_scope(viewer.workspace_id):
        Approval.objects.create(task=task, call="1", tool="run_shell")
        live.tell(task)
    after = stream.first("status").data["parts"]
    assert before["approvals"] != after["approvals"]
    with workspace_scope(viewer.workspace_id):
        Artifact.objects.create(
            task=task, path="a.txt", size=0, sha256="0" * 64, content_type="text/plain"
        )
        live.tell(task)
    assert stream.first("status").data["parts"]["files"] != after["files"]
    with workspace_scope(viewer.workspace_id):
        history.finish_task(task, state=Task.State.SUCCEEDED)
    assert stream.first("status").data["unfinished"] is False


def test_the_fleet_is_told_of(desk, viewer):
    agent = AgentFactory(workspace=viewer.workspace)
    other = AgentFactory(workspace=viewer.workspace)
    stream = desk.open(viewer.user, f"/w/{viewer.workspace.slug}/stream/?fleet")
    first = stream.first("fleet").data
    assert first["running"] == first["queued"] == 0

    with workspace_scope(viewer.workspace_id):
        Agent.objects.filter(pk=agent.pk).update(state="paused")
        live.tell_agent(agent)
    told = stream.first("fleet").data["agents"]
    assert set(told) == {str(agent.pk)}
    assert "Paused" in told[str(agent.pk)]["state"]

    task = TaskFactory(workspace=viewer.workspace, conversation__agent=other, state="running")
    with workspace_scope(viewer.workspace_id):
        live.tell(task)
    told = stream.first("fleet").data
    assert (told["running"], set(told["agents"])) == (1, {str(other.pk)})
    assert "Running" in told["agents"][str(other.pk)]["task"]


def test_a_task_that_is_deleted_is_gone(desk, viewer, task):
    stream = desk.watch(viewer, task)
    stream.first("status")

    with workspace_scope(viewer.workspace_id):
        Task.objects.filter(pk=task.pk).delete()
        live.tell(task)

    assert stream.first("end").data == {"reason": "gone"}
    assert stream.next() is None


def test_watchers_of_one_workspace_are_told_nothing_of_another(desk, viewer, task):
    """Vector 31: both are notified of on one channel, and somebody says that the one's is the
    other's."""
    theirs = TaskFactory(state="running")
    member = MembershipFactory(workspace=theirs.workspace)
    streams = [
        desk.watch(viewer, task, "&after=0"),
        desk.open(viewer.user, f"/w/{viewer.workspace.slug}/stream/?fleet"),
    ]
    other = desk.watch(member, theirs, "&after=0")
    for stream in streams:
        stream.next()

    say(theirs, "kestrel")
    with workspace_scope(theirs.workspace_id):
        live.tell(theirs)
    assert "kestrel" in other.first("step").data["html"]
    with postgres.superuser() as connection:
        for workspace, row, what in [
            (viewer.workspace_id, theirs.pk, "1"),
            (viewer.workspace_id, theirs.pk, "state"),
            (theirs.workspace_id, task.pk, "1"),
            ("nothing", "readable", "at all"),
        ]:
            connection.execute(
                "SELECT pg_notify(%s, %s)", [live.CHANNEL, f"{workspace}|{row}|{what}"]
            )
    say(task, "goshawk")
    with workspace_scope(viewer.workspace_id):
        live.tell(task)

    told = [*streams[0].until(lambda one: one.number == 1)]
    told += streams[1].until(lambda one: one.data["agents"].keys() == {str(task.agent_id)})
    assert "kestrel" not in str(told)
    assert str(theirs.agent_id) not in str(told)
    assert str(theirs.pk) not in str(told)
