"""A run that is to stop does so at once, wherever it is."""

import threading
from typing import Any

import pytest

from agenhood.fleet.models import Event, Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.run import Outcome, Run, StopReason
from agenhood.runtime.sandbox import Finished, SandboxError
from tests.runtime.llm.model_server import Fails, ModelServer, Says, Wants
from tests.runtime.llm.runs import ScriptedSandbox, make_run

KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])


def run_aside(run: Run) -> tuple[threading.Thread, list[Outcome]]:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(llm.run(run)))
    thread.start()
    return thread, outcomes


@KINDS
@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (StopReason.CANCELLED, Task.State.CANCELLED),
        (StopReason.TIMED_OUT, Task.State.TIMED_OUT),
        (StopReason.REFUSED, Task.State.FAILED),
        (StopReason.WORKER_ENDS, Task.State.QUEUED),
        (StopReason.LOST, Task.State.QUEUED),
    ],
)
def test_in_the_middle_of_an_answer(
    server: ModelServer, kind: str, reason: StopReason, state: Task.State
) -> None:
    held = threading.Event()
    answer = Says("It begins and goes on and on", pause=held)
    server.turns = [answer]
    run = make_run(server.address, kind=kind)
    before = threading.active_count()

    thread, outcomes = run_aside(run)
    assert answer.reached.wait(10)
    run.stop.ask(reason)
    thread.join(10)  # the server holds the answer back all the while

    held.set()
    assert [outcome.state for outcome in outcomes] == [state]
    assert len(outcomes[0].messages) == 1
    assert threading.active_count() <= before + 2  # of the server's, none of ours


def test_before_anything_was_asked(server: ModelServer) -> None:
    run = make_run(server.address)
    run.stop.ask(StopReason.CANCELLED)

    assert llm.run(run).state == Task.State.CANCELLED

    assert server.requests == []


def test_while_it_waits_for_the_provider(server: ModelServer) -> None:
    server.turns = [Fails(429, headers={"Retry-After": "59"})]
    run = make_run(server.address)
    waits = threading.Event()
    noted = run.record.event

    def note(kind: Event.Kind, text: str = "", **data: Any) -> None:
        noted(kind, text, **data)
        if kind == Event.Kind.ERROR:
            waits.set()

    run.record.event = note
    thread, outcomes = run_aside(run)
    assert waits.wait(10)
    run.stop.ask(StopReason.CANCELLED)
    thread.join(10)

    assert [outcome.state for outcome in outcomes] == [Task.State.CANCELLED]


def test_in_the_middle_of_a_tool(server: ModelServer) -> None:
    """The sandbox is told to end the program; what it printed is kept, and no further call made."""
    server.turns = [
        Says(
            "Working.",
            [
                Wants("run_shell", {"command": "one"}, "a"),
                Wants("run_shell", {"command": "two"}, "b"),
            ],
        )
    ]

    class Slow(ScriptedSandbox):
        def run(self, command: Any, *, should_end: Any, should_kill: Any, **more: Any) -> Finished:
            super().run(command, **more)
            assert (should_end(), should_kill()) == (False, False)
            run.stop.ask(StopReason.CANCELLED)
            assert (should_end(), should_kill()) == (True, False)
            run.stop.is_forced = True
            assert should_kill() is True
            return Finished(-15, "asked")

    run = make_run(server.address, sandbox=Slow([b"so far\n"]))

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.CANCELLED, "Working.")
    assert len(run.sandbox.commands) == 1
    (text, data) = run.record.of(Event.Kind.TOOL_RESULT)[0]
    assert text.startswith("so far\n")
    assert "the task is to stop" in text
    assert data["exit_code"] == -15


def test_another_run_goes_on_where_the_worker_ended(server: ModelServer) -> None:
    server.turns = [
        Says(
            "",
            [
                Wants("run_shell", {"command": "one"}, "a"),
                Wants("run_shell", {"command": "two"}, "b"),
            ],
        )
    ]
    first = make_run(server.address)

    def end_the_worker() -> Finished:
        first.stop.ask(StopReason.WORKER_ENDS)
        return Finished(0)

    first.sandbox.ends = end_the_worker
    ended = llm.run(first)
    assert ended.state == Task.State.QUEUED

    server.turns = [Says("Done.")]
    second = make_run(server.address, messages=list(ended.messages))

    assert llm.run(second).output == "Done."

    assert [command[-1] for command in first.sandbox.commands] == ["one"]
    assert [command[-1] for command in second.sandbox.commands] == ["two"]


def test_a_sandbox_that_breaks(server: ModelServer) -> None:
    server.turns = [Says("", [Wants("run_shell", {"command": "x"})])]

    def breaks() -> Finished:
        raise SandboxError("The sandbox could not be started: no memory.")

    outcome = llm.run(make_run(server.address, sandbox=ScriptedSandbox(ends=breaks)))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, True)
    assert outcome.reason == "The sandbox could not be started: no memory."
