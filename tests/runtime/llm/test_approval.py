"""Tools that ask first: the task waits, and goes on with what people decided."""

import json
from typing import Any

import pytest

from agenhood.fleet.models import Event, Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.run import Decision, Outcome
from tests.runtime.llm.model_server import ModelServer, Says, Wants
from tests.runtime.llm.runs import ScriptedSandbox, make_run

KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])
ASKING = {"run_shell": True, "read_file": False}


def through_the_database(outcome: Outcome) -> Any:
    return json.loads(json.dumps(outcome.messages))


@KINDS
def test_an_allowed_call_is_made(server: ModelServer, kind: str) -> None:
    server.turns = [Says("I would.", [Wants("run_shell", {"command": "rm it"}, "a")])]
    run = make_run(server.address, kind=kind, tools=ASKING)

    waiting = llm.run(run)

    assert (waiting.state, waiting.output) == (Task.State.WAITING, "")
    assert [(ask.call, ask.tool, ask.arguments) for ask in waiting.asks] == [
        ("a", "run_shell", {"command": "rm it", "timeout_seconds": 120})
    ]
    assert run.sandbox.commands == []
    assert len(run.record.of(Event.Kind.TOOL_CALL)) == 1

    server.turns = [Says("It is gone.")]
    sandbox = ScriptedSandbox([b"removed"])
    resumed = make_run(
        server.address,
        kind=kind,
        tools=ASKING,
        sandbox=sandbox,
        messages=through_the_database(waiting),
        decisions=[Decision("a", is_allowed=True)],
    )

    outcome = llm.run(resumed)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "It is gone.")
    assert [command[-1] for command in sandbox.commands] == ["rm it"]
    assert resumed.record.of(Event.Kind.TOOL_CALL) == []  # noted before it waited
    assert "removed" in json.dumps(server.requests[-1].body)


@KINDS
def test_a_denied_call_is_not_made_and_the_model_is_told_why(
    server: ModelServer, kind: str
) -> None:
    server.turns = [Says("", [Wants("run_shell", {"command": "rm it"}, "a")]), Says("Then not.")]
    waiting = llm.run(make_run(server.address, kind=kind, tools=ASKING))
    run = make_run(
        server.address,
        kind=kind,
        tools=ASKING,
        messages=through_the_database(waiting),
        decisions=[Decision("a", is_allowed=False, note='Ask "Ann" first.')],
    )

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "Then not.")
    assert run.sandbox.commands == []
    assert 'A person denied this call. They say: Ask \\"Ann\\" first.' in json.dumps(
        server.requests[-1].body
    )
    (text, data) = run.record.of(Event.Kind.TOOL_RESULT)[0]
    assert text.startswith("A person denied this call.")
    assert data["denied"] is True


@KINDS
def test_several_calls_at_once(server: ModelServer, kind: str) -> None:
    """None is made before all are decided on; then they are made in their order."""
    server.turns = [
        Says(
            "",
            [
                Wants("read_file", {"path": "a"}, "r"),
                Wants("run_shell", {"command": "one"}, "a"),
                Wants("run_shell", {"command": "two"}, "b"),
                Wants("run_shell", {"wrong": "arguments"}, "c"),
                Wants("run_shell", {"command": "three"}, "d"),
            ],
        )
    ]
    run = make_run(server.address, kind=kind, tools=ASKING)

    waiting = llm.run(run)

    assert [ask.call for ask in waiting.asks] == ["a", "b", "d"]
    assert run.sandbox.commands == []

    decided = [Decision("a", is_allowed=True), Decision("b", is_allowed=False)]
    half = make_run(
        server.address,
        kind=kind,
        tools=ASKING,
        messages=through_the_database(waiting),
        decisions=decided,
    )
    still_waiting = llm.run(half)
    assert (still_waiting.state, [ask.call for ask in still_waiting.asks]) == (
        Task.State.WAITING,
        ["d"],
    )
    assert half.sandbox.commands == []

    server.turns = [Says("Done.")]
    sandbox = ScriptedSandbox([b'{"text": "content"}', b"1", b"3"])
    resumed = make_run(
        server.address,
        kind=kind,
        tools=ASKING,
        sandbox=sandbox,
        messages=through_the_database(still_waiting),
        decisions=[*decided, Decision("d", is_allowed=True)],
    )
    assert llm.run(resumed).output == "Done."
    assert [command[-1] for command in sandbox.commands[1:]] == ["one", "three"]
    results = resumed.record.of(Event.Kind.TOOL_RESULT)
    assert [data["call"] for _, data in results] == ["r", "a", "b", "c", "d"]


def test_a_decision_is_for_one_call_only(server: ModelServer) -> None:
    """A model that gives its calls the same name each time gets nothing allowed by that."""
    server.turns = [Says("", [Wants("run_shell", {"command": "harmless"}, "call")])]
    waiting = llm.run(make_run(server.address, tools=ASKING))

    server.turns = [Says("", [Wants("run_shell", {"command": "harmful"}, "call")])]
    sandbox = ScriptedSandbox()
    again = llm.run(
        make_run(
            server.address,
            tools=ASKING,
            sandbox=sandbox,
            messages=through_the_database(waiting),
            decisions=[Decision("call", is_allowed=True)],
        )
    )

    assert again.state == Task.State.WAITING
    assert [ask.arguments["command"] for ask in again.asks] == ["harmful"]
    assert [command[-1] for command in sandbox.commands] == ["harmless"]


def test_two_calls_of_one_answer_with_the_same_name(server: ModelServer) -> None:
    calls = [Wants("run_shell", {"command": name}, "call") for name in ("one", "two")]
    server.turns = [Says("", calls)]

    waiting = llm.run(make_run(server.address, tools=ASKING))

    assert len({ask.call for ask in waiting.asks}) == 2


def test_what_it_took_before_it_waited_counts(server: ModelServer) -> None:
    server.turns = [Says("", [Wants("run_shell", {"command": "x"}, "a")], usage=(900, 200))]
    limits = {"max_tokens": 1000}
    waiting = llm.run(make_run(server.address, tools=ASKING, limits=limits))

    outcome = llm.run(
        make_run(
            server.address,
            tools=ASKING,
            limits=limits,
            messages=through_the_database(waiting),
            decisions=[Decision("a", is_allowed=True)],
        )
    )

    assert outcome.state == Task.State.FAILED
    assert outcome.reason == "It took 1,100 tokens; the agent may take 1,000 for one task."


def test_messages_of_another_version(server: ModelServer) -> None:
    outcome = llm.run(make_run(server.address, messages=[{"kind": "unheard of"}]))

    assert outcome.state == Task.State.FAILED
    assert "another version" in outcome.reason
