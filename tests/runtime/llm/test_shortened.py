"""A text that is shortened before it is scrubbed keeps no part of a secret where it is cut."""

import json

import pytest

from agenhood.fleet.models import Event, Task
from agenhood.runtime import scrub
from agenhood.runtime.drivers import command, llm
from agenhood.runtime.drivers.command import LONGEST_ANSWER
from agenhood.runtime.drivers.llm import in_sandbox, schema
from agenhood.runtime.drivers.llm.tools import RESULT_CHARACTERS
from agenhood.runtime.scrub import Scrubber
from tests.runtime.llm.model_server import Fails, Says, Wants
from tests.runtime.llm.runs import Record, ScriptedSandbox, make_run

SECRET = "s3cr3t-0123456789-abcdefghijklmnopqrstuvwxyz"
HALF = len(SECRET) // 2
BEGINNING, END = SECRET[:HALF], SECRET[HALF:]


@pytest.fixture
def record():
    return Record(scrubber=Scrubber([SECRET]))


@pytest.mark.parametrize("pieces", [1, 700])
def test_the_end_of_what_a_command_wrote(record, pieces):
    text = "x" * 50 + SECRET + "y" * (LONGEST_ANSWER - HALF)

    class Sandbox(ScriptedSandbox):
        def run(self, _command, *, on_output, **more):
            size = -(-len(text) // pieces)
            for start in range(0, len(text), size):
                on_output("stdout", text[start : start + size].encode())
            return super().run(_command, on_output=on_output, **more)

    outcome = command.run(make_run("", sandbox=Sandbox(), record=record))
    assert outcome.output == "y" * (LONGEST_ANSWER - HALF)


def test_the_name_of_a_model_is_left_to_the_recorder_to_cut(monkeypatch, record):
    names = []
    monkeypatch.setattr(record, "usage", lambda model, **_: names.append(model))
    name = "m" * 90 + SECRET
    said = json.dumps({"event": "usage", "model": name, "input_tokens": 1})
    command.run(make_run("", sandbox=ScriptedSandbox(prints=[said.encode()]), record=record))
    assert names == [name]


def results_of(server, record, printed, *wants):
    server.turns = [Says("", list(wants)), Says("Done.")]
    sandbox = ScriptedSandbox(prints=[text.encode() for text in printed])
    assert llm.run(make_run(server.address, sandbox=sandbox, record=record)).state == "succeeded"
    return [text for text, _ in record.of(Event.Kind.TOOL_RESULT)]


def has_a_part(text):
    return BEGINNING[-6:] in text or END[:6] in text or BEGINNING[:6] in text


def test_what_a_tool_of_a_model_printed(server, record):
    head, tail = RESULT_CHARACTERS * 2 // 3, RESULT_CHARACTERS // 3
    text = "x" * (head - HALF) + SECRET + "y" * 9000 + SECRET + "z" * (tail - HALF)
    (told,) = results_of(server, record, [text], Wants("run_shell", {"command": "x"}))
    assert told.startswith("x" * (head - HALF) + "\n[… ")
    assert not has_a_part(told)


def test_a_long_line_of_a_file(server, record, tmp_path, monkeypatch):
    assert in_sandbox.BEYOND == scrub.PIECE
    monkeypatch.chdir(tmp_path)
    most = in_sandbox.MOST_CHARACTERS
    (tmp_path / "f").write_text("x" * (most - HALF) + SECRET + "y" * 5000 + "\nz")
    printed = json.dumps(in_sandbox.read_file("f", 1, 10))
    (told,) = results_of(server, record, [printed], Wants("read_file", {"path": "f"}))
    assert told == "x" * (most - HALF) + "\n[Lines 1 to 1 of 2.]"


def test_what_is_wrong_with_a_call_or_an_answer(server, record):
    name = "n" * (1000 - 34 - HALF) + SECRET  # the words before it are 34
    (told,) = results_of(server, record, [], Wants("read_file", {"path": "f", name: 1}))
    assert told.endswith("nnn")
    wrong = "w" * (schema.ERROR_CHARACTERS - 1 - HALF) + SECRET
    server.turns = [Says(json.dumps(wrong))] * 3
    run = make_run(server.address, record=record, output_schema={"type": "integer"})
    outcome = llm.run(run)
    assert outcome.state == Task.State.FAILED
    assert outcome.reason.endswith("www")


def test_what_a_provider_says(server, record):
    words = "x" * (300 - HALF) + SECRET + "y" * 100
    server.turns = [Fails(400, {"error": {"message": words}})]
    outcome = llm.run(make_run(server.address, record=record))
    assert outcome.reason.endswith("xxx")
