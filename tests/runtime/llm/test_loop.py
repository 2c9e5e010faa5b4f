"""A task from its prompt to its answer, over both protocols."""

import json
from collections.abc import Iterator

import pytest

from agenhood.fleet.models import Event, Task
from agenhood.runtime.drivers import llm
from tests.runtime.llm.model_server import ANTHROPIC, OPENAI, ModelServer, Says, Wants
from tests.runtime.llm.runs import KEY, Record, ScriptedSandbox, make_run

KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])


@KINDS
def test_an_answer_without_tools(server: ModelServer, kind: str) -> None:
    server.turns = [Says("There are three.", usage=(50, 7))]
    run = make_run(server.address, kind=kind, tools={})

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "There are three.")
    assert run.record.said() == ["There are three."]
    assert run.record.usages == [(50, 7, 0)]
    (request,) = server.requests
    assert request.path.startswith(OPENAI if kind == "openai" else ANTHROPIC)
    assert "tools" not in request.body
    text = json.dumps(request.body)
    assert "You are careful." in text
    assert "Count the files." in text


@KINDS
def test_tools_are_called_and_their_results_told(server: ModelServer, kind: str) -> None:
    server.turns = [
        Says("Let me look.", [Wants("run_shell", {"command": "ls | wc -l"}, "a")]),
        Says(
            "",
            [
                Wants("run_shell", {"command": "first"}, "b"),
                Wants("run_python", {"code": "second"}, "c"),
            ],
        ),
        Says("Three files."),
    ]
    sandbox = ScriptedSandbox(prints=[b"3\n", b"of the first\n", b"of the second\n"])
    run = make_run(server.address, kind=kind, sandbox=sandbox)

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "Three files.")
    assert [command[-1] for command in sandbox.commands] == ["ls | wc -l", "first", "second"]
    calls = run.record.of(Event.Kind.TOOL_CALL)
    assert [(text, data["tool"], data["call"]) for text, data in calls] == [
        ("ls | wc -l", "run_shell", "a"),
        ("first", "run_shell", "b"),
        ("second", "run_python", "c"),
    ]
    assert calls[0][1]["arguments"] == {"command": "ls | wc -l", "timeout_seconds": 120}
    results = run.record.of(Event.Kind.TOOL_RESULT)
    assert [data["call"] for _, data in results] == ["a", "b", "c"]
    assert results[0][0] == "3\n\n[Exit code 0.]"
    assert results[0][1]["exit_code"] == 0
    assert results[0][1]["seconds"] >= 0
    assert run.record.outputs == [
        ("stdout", "3\n"),
        ("stdout", "of the first\n"),
        ("stdout", "of the second\n"),
    ]
    assert run.record.said() == ["Let me look.", "Three files."]
    last = json.dumps(server.requests[-1].body)
    assert last.index("of the first") < last.index("of the second")
    assert len(server.requests[0].body["tools"]) == 6


@KINDS
def test_calls_that_make_no_sense_are_told_to_the_model(server: ModelServer, kind: str) -> None:
    server.turns = [
        Says(
            "",
            [
                Wants("run_shel", {"command": "ls"}, "a"),
                Wants("run_shell", {"commands": "ls"}, "b"),
                Wants("run_shell", '{"command": "ls', "c"),
                Wants("rm -rf /", {}, "d"),
            ],
        ),
        Says("I give up."),
    ]
    sandbox = ScriptedSandbox()
    run = make_run(server.address, kind=kind, sandbox=sandbox, tools={"run_shell": False})

    assert llm.run(run).state == Task.State.SUCCEEDED

    assert sandbox.commands == []
    texts = [text for text, _ in run.record.of(Event.Kind.TOOL_RESULT)]
    assert texts[0] == "There is no such tool. Yours are: run_shell."
    assert "commands: Extra inputs are not permitted" in texts[1]
    assert "Invalid JSON" in texts[2]
    assert "no such tool" in texts[3]


def test_a_tool_that_the_agent_was_not_given_is_not_run(server: ModelServer) -> None:
    server.turns = [Says("", [Wants("run_shell", {"command": "ls"})]), Says("Then not.")]
    sandbox = ScriptedSandbox()

    llm.run(make_run(server.address, sandbox=sandbox, tools={"read_file": False}))

    assert sandbox.commands == []
    assert [tool["function"]["name"] for tool in server.requests[0].body["tools"]] == ["read_file"]


@KINDS
def test_thoughts_are_noted_apart_from_what_is_said(server: ModelServer, kind: str) -> None:
    server.turns = [
        Says("Looking.", [Wants("list_files", {}, "a")], thinks="I should look."),
        Says("Done."),
    ]
    run = make_run(server.address, kind=kind, sandbox=ScriptedSandbox([b'{"text": "a  1 bytes"}']))

    assert llm.run(run).output == "Done."

    assert run.record.said("thinking") == ["I should look."]
    assert run.record.said() == ["Looking.", "Done."]


def test_a_long_answer_is_noted_in_pieces_that_end_with_a_line(server: ModelServer) -> None:
    text = "".join(f"Line {number} of a long answer.\n" for number in range(400)).strip()
    server.turns = [Says(text)]
    run = make_run(server.address, tools={})

    assert llm.run(run).output == text

    pieces = [
        (piece, data)
        for piece, data in run.record.of(Event.Kind.MESSAGE)
        if data["role"] == "assistant"
    ]
    assert len(pieces) > 1
    assert "".join(piece for piece, _ in pieces) == text
    assert all(piece.endswith("\n") for piece, _ in pieces[:-1])
    assert [data.get("continues", False) for _, data in pieces] == [False] + [True] * (
        len(pieces) - 1
    )


def test_anthropic_is_asked_to_keep_what_is_sent_again(server: ModelServer) -> None:
    server.turns = [Says("Here.")]

    llm.run(make_run(server.address, kind="anthropic", model="claude-sonnet-5-5"))

    assert "cache_control" in json.dumps(server.requests[0].body)


def test_calls_with_the_same_name_are_told_apart(server: ModelServer) -> None:
    server.turns = [
        Says("", [Wants("run_shell", {"command": "one"}, "0")]),
        Says("", [Wants("run_shell", {"command": "two"}, "0")]),
        Says("", [Wants("run_shell", {"command": "three"}, "x y/z")]),
        Says("Done."),
    ]
    run = make_run(server.address)

    llm.run(run)

    calls = [data["call"] for _, data in run.record.of(Event.Kind.TOOL_CALL)]
    assert calls == ["0", "0-2", "x_y_z"]


def test_more_calls_than_anybody_needs_are_not_made(server: ModelServer) -> None:
    calls = [Wants("run_shell", {"command": str(number)}, str(number)) for number in range(60)]
    server.turns = [Says("", calls), Says("Done.")]
    sandbox = ScriptedSandbox()

    llm.run(make_run(server.address, sandbox=sandbox))

    assert len(sandbox.commands) == 50


def test_what_no_database_stores_is_left_out(server: ModelServer) -> None:
    server.turns = [
        Says("A\0B\ud800C", [Wants("run_shell", {"command": "ls\0"}, "a")]),
        Says("", [Wants("run_shell", {"command": "ls"}, "b")]),
        Says("Done."),
    ]
    run = make_run(server.address, sandbox=ScriptedSandbox([b"x\0y\xff"]))

    outcome = llm.run(run)

    assert outcome.state == Task.State.SUCCEEDED
    stored = [outcome.messages, run.record.events, run.record.outputs]
    texts = "".join(all_texts(stored))
    assert "\0" not in texts
    texts.encode()
    assert run.record.said()[0] == "AB?C"
    assert run.record.of(Event.Kind.TOOL_RESULT)[0][0].startswith("There is a NUL")
    assert "".join(text for _, text in run.record.outputs) == "xy\ufffd"


def test_an_empty_ending_keeps_what_was_said_before(server: ModelServer) -> None:
    server.turns = [Says("All is well.", [Wants("run_shell", {"command": "x"})]), Says("")]

    outcome = llm.run(make_run(server.address))

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "All is well.")


def test_no_answer_at_all_is_a_failure(server: ModelServer) -> None:
    server.turns = [Says("")]

    outcome = llm.run(make_run(server.address))

    assert outcome.state == Task.State.FAILED
    assert outcome.reason == "The model ended without an answer."


@KINDS
@pytest.mark.parametrize(
    ("openai", "anthropic", "reason"),
    [
        ("length", "max_tokens", "cut off"),
        ("content_filter", "refusal", "filter held"),
    ],
)
def test_half_an_answer_is_not_taken_for_one(
    server: ModelServer, kind: str, openai: str, anthropic: str, reason: str
) -> None:
    server.turns = [Says("The three re", finish=openai if kind == "openai" else anthropic)]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert (outcome.state, outcome.output) == (Task.State.FAILED, "The three re")
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"model": ""}, "has no model"),
        ({"provider": None}, "has no credential"),
    ],
)
def test_an_agent_that_is_not_set_up(
    server: ModelServer, given: dict[str, object], reason: str
) -> None:
    outcome = llm.run(make_run(server.address, **given))

    assert outcome.state == Task.State.FAILED
    assert reason in outcome.reason


@KINDS
def test_nothing_of_the_worker_s_environment_goes_along(
    server: ModelServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OPENAI_API_KEY": "foreign",
        "OPENAI_ORG_ID": "foreign",
        "OPENAI_PROJECT_ID": "foreign",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/foreign",
        "OPENAI_CUSTOM_HEADERS": "X-Foreign: foreign",
        "ANTHROPIC_API_KEY": "foreign",
        "ANTHROPIC_AUTH_TOKEN": "foreign",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/foreign",
        "ANTHROPIC_CUSTOM_HEADERS": "X-Foreign: foreign",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    server.turns = [Says("Here.")]

    assert llm.run(make_run(server.address, kind=kind)).output == "Here."

    headers = server.requests[0].headers
    assert "foreign" not in json.dumps(headers).lower()
    assert headers["authorization"] == f"Bearer {KEY}"


def test_the_key_is_nowhere_but_in_the_request(server: ModelServer) -> None:
    server.turns = [Says("", [Wants("run_shell", {"command": "env"})]), Says("Done.")]
    run = make_run(server.address)

    outcome = llm.run(run)

    assert KEY in server.requests[0].headers["authorization"]
    assert KEY not in json.dumps([request.body for request in server.requests])
    assert KEY not in json.dumps([outcome.messages, outcome.output, outcome.reason])
    assert KEY not in repr(run)
    assert isinstance(run.record, Record)
    assert KEY not in repr(run.record)


def all_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from all_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from all_texts(inner)
