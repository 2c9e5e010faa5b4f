"""What a task knows of those before it in the conversation."""

import json
from typing import Any

import pytest

from agenhood.fleet.models import Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.drivers.llm import memory
from agenhood.runtime.run import Outcome
from tests.runtime.llm.model_server import ModelServer, Says, Wants
from tests.runtime.llm.runs import ScriptedSandbox, make_run

KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])


def a_task(server: ModelServer, asked: str, result: bytes, answer: str, **given: Any) -> Outcome:
    server.turns = [
        Says("", [Wants("run_shell", {"command": "look"}, "a")], thinks="Let me think."),
        Says(answer),
    ]
    sandbox = ScriptedSandbox([result])
    return llm.run(make_run(server.address, input=asked, sandbox=sandbox, **given))


@KINDS
def test_the_task_before_is_known_with_what_its_tools_said(server: ModelServer, kind: str) -> None:
    first = a_task(server, "How many files?", b"four files", "There are four.", kind=kind)
    server.turns = [Says("Five now.")]

    second = llm.run(
        make_run(server.address, kind=kind, input="And now?", memory=list(first.messages))
    )

    sent = json.dumps(server.requests[-1].body)
    order = ["How many files?", "four files", "There are four.", "And now?"]
    places = [sent.index(text) for text in order]
    assert places == sorted(places)
    assert "Let me think." not in sent
    assert "How many files?" not in json.dumps(second.messages)


@KINDS
def test_an_older_task_is_known_by_its_question_and_answer(server: ModelServer, kind: str) -> None:
    long = b"x" * 20_000
    first = a_task(server, "First question", long, "First answer", kind=kind)
    second = a_task(server, "Second question", long, "Second answer", kind=kind)
    server.turns = [Says("Yes.")]

    llm.run(make_run(server.address, kind=kind, memory=[*first.messages, *second.messages]))

    sent = json.dumps(server.requests[-1].body)
    assert "First question" in sent
    assert "First answer" in sent
    assert sent.count("x" * 20_000) == 1  # of the second one only
    assert sent.index("First answer") < sent.index("x" * 20_000)


def test_the_oldest_are_forgotten(server: ModelServer) -> None:
    messages = [
        message
        for number in range(40)
        for message in memory.stored(
            [
                memory.question(f"Question {number}. " + "q" * 3000),
                *memory.restored(
                    [
                        {
                            "kind": "response",
                            "parts": [{"part_kind": "text", "content": f"Answer {number}."}],
                        }
                    ]
                ),
            ]
        )
    ]
    server.turns = [Says("Yes.")]

    llm.run(make_run(server.address, memory=messages))

    sent = server.requests[-1].body["messages"]
    text = json.dumps(sent)
    assert len(text) < memory.CHARACTERS + 3000
    assert "Question 39." in text
    assert "Question 0." not in text
    known = [number for number in range(40) if f"Answer {number}." in text]
    assert known == list(range(known[0], 40))
    assert len(known) > 5


def test_a_small_limit_of_tokens_leaves_little_room(server: ModelServer) -> None:
    first = a_task(server, "Question", b"x" * 3000, "Answer")
    server.turns = [Says("Yes.")]

    llm.run(make_run(server.address, memory=list(first.messages), limits={"max_tokens": 2000}))

    sent = json.dumps(server.requests[-1].body)
    assert "Answer" in sent
    assert "x" * 1000 not in sent


@KINDS
def test_a_task_that_ended_in_the_middle_of_its_calls(server: ModelServer, kind: str) -> None:
    """Providers refuse calls without a result."""
    server.turns = [
        Says(
            "",
            [
                Wants("run_shell", {"command": "one"}, "a"),
                Wants("run_shell", {"command": "two"}, "b"),
            ],
        )
    ]
    asking = {"run_shell": True}
    waiting = llm.run(make_run(server.address, kind=kind, tools=asking))
    assert waiting.state == Task.State.WAITING
    server.turns = [Says("Yes.")]

    llm.run(make_run(server.address, kind=kind, memory=list(waiting.messages)))

    sent = json.dumps(server.requests[-1].body)
    assert sent.count("The task ended before this was done.") == 2


@KINDS
def test_without_tools_only_questions_and_answers_are_known(server: ModelServer, kind: str) -> None:
    first = a_task(server, "Question", b"of the tool", "Answer", kind=kind)
    server.turns = [Says("Yes.")]

    llm.run(make_run(server.address, kind=kind, memory=list(first.messages), tools={}))

    sent = json.dumps(server.requests[-1].body)
    assert "Answer" in sent
    assert "of the tool" not in sent


def test_a_memory_of_another_version_is_done_without(server: ModelServer) -> None:
    server.turns = [Says("Yes.")]
    run = make_run(server.address, memory=[{"kind": "unheard of"}])

    assert llm.run(run).output == "Yes."

    assert "cannot be read any more" in run.record.said("system")[0]


def test_what_is_stored_holds_no_nul() -> None:
    assert "\\u0000" not in json.dumps(memory.stored([memory.question("a\0b")]))
