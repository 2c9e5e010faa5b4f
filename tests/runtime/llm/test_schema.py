"""Answers that are to be JSON of a given form."""

import json
from typing import Any

import pytest

from agenhood.fleet.models import Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.drivers.llm import schema
from tests.runtime.llm.model_server import ModelServer, Says, Wants
from tests.runtime.llm.runs import make_run

SCHEMA = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 0}, "due": {"format": "date"}},
    "required": ["count"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "answer", ['{"count": 3}', ' {"count": 3}\n', '```json\n{"count": 3}\n```']
)
def test_an_answer_that_fits(server: ModelServer, answer: str) -> None:
    server.turns = [Says(answer)]

    outcome = llm.run(make_run(server.address, output_schema=SCHEMA))

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, '{"count": 3}')
    assert '"additionalProperties": false' in server.requests[0].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("Three.", "It is no JSON document"),
        ('{"count": NaN}', "NaN is no number"),
        ('{"count": -1}', 'At ["count"]: -1 is less than the minimum of 0'),
        ('{"count": 1, "due": "soon"}', "At [\"due\"]: 'soon' is not a 'date'"),
        ('{"count": 1, "more": 2}', "Additional properties are not allowed"),
    ],
)
def test_an_answer_that_does_not_fit_is_sent_back(
    server: ModelServer, answer: str, wrong: str
) -> None:
    server.turns = [
        Says(answer),
        Says("Let me count.", [Wants("run_shell", {"command": "ls"}, "a")]),
        Says('{"count": 3}'),
    ]
    run = make_run(server.address, output_schema=SCHEMA)

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, '{"count": 3}')
    assert wrong in json.loads(json.dumps(server.requests[1].body["messages"][-1]["content"]))
    assert any(wrong in text for text in run.record.said("system"))


def test_after_two_repairs_it_fails(server: ModelServer) -> None:
    server.turns = [Says("one"), Says("two"), Says("three")]

    outcome = llm.run(make_run(server.address, output_schema=SCHEMA))

    assert (outcome.state, outcome.output) == (Task.State.FAILED, "three")
    assert "does not fit the agent's output schema: It is no JSON document" in outcome.reason


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"type": "objekt"}, "cannot be used"),
        ({"properties": []}, "cannot be used"),
    ],
)
def test_a_schema_that_is_none_costs_nothing(
    server: ModelServer, wrong: dict[str, Any], reason: str
) -> None:
    outcome = llm.run(make_run(server.address, output_schema=wrong))

    assert outcome.state == Task.State.FAILED
    assert reason in outcome.reason
    assert server.requests == []


def test_a_schema_fetches_nothing(server: ModelServer) -> None:
    """The server would count a request that no test expects."""
    server.turns = [Says("{}")]
    remote = {"$ref": f"{server.address}/schema.json"}

    outcome = llm.run(make_run(server.address, output_schema=remote))

    assert outcome.state == Task.State.FAILED
    assert "which is not in it" in outcome.reason
    assert len(server.requests) == 1


def test_a_pattern_without_an_end_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "SECONDS", 0.5)
    endless = {"type": "string", "pattern": "^(a+)+$"}

    with pytest.raises(schema.Ended, match="takes too long"):
        schema.errors(endless, json.dumps("a" * 60 + "!"))


def test_a_document_deeper_than_the_stack() -> None:
    deep = {"$defs": {"x": {"items": {"$ref": "#/$defs/x"}}}, "$ref": "#/$defs/x"}
    answer = "[" * 5000 + "]" * 5000

    with pytest.raises(schema.Ended, match="could not be checked"):
        schema.errors(deep, answer)


def test_the_checker_sees_nothing_of_the_worker_s_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}
    run = schema.subprocess.run

    def spied(*arguments: Any, **more: Any) -> Any:
        seen.update(more)
        return run(*arguments, **more)

    monkeypatch.setattr(schema.subprocess, "run", spied)

    assert schema.errors(SCHEMA, '{"count": 1}') == []
    assert seen["env"] == {}
