"""Each tool in the real sandbox, with a model that means no good."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agenhood.fleet.agent_files import Place
from agenhood.fleet.models import Event, Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.run import StopReason
from agenhood.runtime.sandbox import Sandbox, SandboxLimits, SandboxSpec, engine
from tests.runtime.llm.model_server import ModelServer, Says, Wants
from tests.runtime.llm.runs import make_run

HOSTILE = (
    "a \"b\" 'c' $(touch planted) `touch planted` ; touch planted\n&& touch planted | \\ * ~ é"
)


@pytest.fixture
def place() -> Place:
    return Place(uuid4(), uuid4(), 32)


@pytest.fixture
def directory(place: Place) -> Iterator[Path]:
    """The agent's directory as the host sees it."""
    with place.use() as usage:
        yield usage.path


@pytest.fixture
def sandbox(place: Place, directory: Path) -> Iterator[Sandbox]:
    spec = SandboxSpec(
        place.workspace_id,
        place.agent_id,
        SandboxLimits(memory_mb=256, max_processes=32, disk_mb=32, wall_seconds=60),
        environment={"GRANTED": "only-for-this-agent"},
    )
    opened = engine().open(spec)
    yield opened
    opened.close()


def results(server: ModelServer, sandbox: Sandbox, *calls: Wants) -> list[tuple[str, Any]]:
    """Return what the calls came to, made in one answer."""
    named = [Wants(call.tool, call.arguments, str(number)) for number, call in enumerate(calls)]
    server.turns = [Says("", named), Says("Done.")]
    run = make_run(server.address, sandbox=sandbox)
    assert llm.run(run).state == Task.State.SUCCEEDED
    return list(run.record.of(Event.Kind.TOOL_RESULT))


def test_every_tool(server: ModelServer, sandbox: Sandbox, directory: Path) -> None:
    server.turns = [
        Says("", [Wants("write_file", {"path": "notes/a.txt", "content": HOSTILE}, "1")]),
        Says(
            "",
            [
                Wants("edit_file", {"path": "notes/a.txt", "old": "é", "new": HOSTILE}, "2"),
                Wants("read_file", {"path": "notes/a.txt"}, "3"),
                Wants("list_files", {"recursive": True}, "4"),
                Wants("run_shell", {"command": "pwd; echo to stderr >&2; exit 3"}, "5"),
                Wants("run_python", {"code": f"print({HOSTILE!r})\nprint(6 * 7)"}, "6"),
            ],
        ),
        Says("Done."),
    ]
    run = make_run(server.address, sandbox=sandbox)

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "Done.")
    texts = [text for text, _ in run.record.of(Event.Kind.TOOL_RESULT)]
    edited = HOSTILE.replace("é", HOSTILE)
    assert texts[0] == f"created notes/a.txt ({len(HOSTILE.encode())} bytes)"
    assert texts[1] == "replaced 1 time in notes/a.txt"
    assert texts[2] == edited
    assert f"notes/a.txt  {len(edited.encode())} bytes" in texts[3].splitlines()
    assert texts[4].startswith("/workspace\nto stderr\n")
    assert texts[4].endswith("[Exit code 3.]")
    assert texts[5] == f"{HOSTILE}\n42\n\n[Exit code 0.]"
    assert ("stderr", "to stderr\n") in run.record.outputs
    changes = [data for _, data in run.record.of(Event.Kind.FILE_CHANGE)]
    assert changes == [
        {"path": "notes/a.txt", "change": "created"},
        {"path": "notes/a.txt", "change": "changed"},
    ]
    assert (directory / "notes/a.txt").read_text() == edited
    assert not (directory / "planted").exists()


@pytest.mark.parametrize(
    "path",
    [
        HOSTILE,
        "-rf",
        "--help",
        "a\nb",
        "x" * 200,
        "ünïcode/日本語.txt",
    ],
    ids=["shell", "option", "long option", "lines", "long", "unicode"],
)
def test_odd_names_are_names(
    server: ModelServer, sandbox: Sandbox, directory: Path, path: str
) -> None:
    path = path.replace("/", "_") if path == HOSTILE else path
    told = results(
        server,
        sandbox,
        Wants("write_file", {"path": path, "content": "inside"}),
        Wants("read_file", {"path": path}),
        Wants("list_files", {"path": path}),
    )

    assert told[1][0] == "inside"
    assert "this is no directory" in told[2][0]
    assert (directory / path).read_text() == "inside"
    assert not (directory / "planted").exists()


def test_no_tool_for_files_leads_out(
    server: ModelServer, sandbox: Sandbox, directory: Path
) -> None:
    (directory / "hosts").symlink_to("/etc/passwd")
    (directory / "up").symlink_to("..")
    (directory / "circle").symlink_to("circle")

    told = results(
        server,
        sandbox,
        *(
            Wants(tool, {"path": path, **more})
            for path in ("../etc/passwd", "/proc/self/environ", "hosts", "up/etc", "circle/x")
            for tool, more in (
                ("read_file", {}),
                ("write_file", {"content": "x"}),
                ("edit_file", {"old": "root", "new": "x"}),
                ("list_files", {}),
            )
        ),
    )

    assert len(told) == 20
    for text, _ in told:
        assert text.startswith("It was not done: "), text
    assert "only-for-this-agent" not in json.dumps(told)


def test_tools_have_the_granted_environment_and_no_other(
    server: ModelServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_WORKER", "secret-of-the-worker")

    ((text, _),) = results(server, sandbox, Wants("run_shell", {"command": "env"}))

    assert "GRANTED=only-for-this-agent" in text
    assert "secret-of-the-worker" not in text


def test_python_is_not_led_astray_by_what_lies_in_the_directory(
    server: ModelServer, sandbox: Sandbox, directory: Path
) -> None:
    """A module that an agent leaves there is none of the file tools' own."""
    for name in ("json.py", "os.py", "sitecustomize.py", "pathlib.py"):
        (directory / name).write_text("raise SystemExit('led astray')")

    ((text, _),) = results(server, sandbox, Wants("list_files"))

    assert "json.py" in text


def test_the_model_sees_both_ends_of_a_long_output(server: ModelServer, sandbox: Sandbox) -> None:
    command = "echo first; yes | head -c 100000; echo last; printf 'half a character: \\xc3'"

    ((text, _),) = results(server, sandbox, Wants("run_shell", {"command": command}))

    assert text.startswith("first\ny\n")
    assert "characters left out" in text
    assert "half a character: \ufffd" in text
    assert len(text) < 25_000


def test_a_command_that_takes_longer_than_it_said(server: ModelServer, sandbox: Sandbox) -> None:
    command = {"command": "echo begun; sleep 60", "timeout_seconds": 1}

    ((text, _),) = results(server, sandbox, Wants("run_shell", command))

    assert text.startswith("begun\n")
    assert "It was killed: it took longer than it may." in text


def test_too_much_output(server: ModelServer, sandbox: Sandbox) -> None:
    command = {"command": "yes | head -c 4000000; sleep 20"}

    ((text, _),) = results(server, sandbox, Wants("run_shell", command))

    assert "it printed more than it may" in text


def test_a_cancelled_task_s_command_ends(server: ModelServer, sandbox: Sandbox) -> None:
    server.turns = [Says("", [Wants("run_shell", {"command": "echo begun; sleep 60"})])]
    run = make_run(server.address, sandbox=sandbox)
    begun = threading.Event()
    noted = run.record.output

    def note(stream: str, text: str) -> None:
        noted(stream, text)
        begun.set()

    run.record.output = note
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(llm.run(run)))
    thread.start()
    assert begun.wait(20)
    run.stop.ask(StopReason.CANCELLED)
    thread.join(20)

    assert [outcome.state for outcome in outcomes] == [Task.State.CANCELLED]
    assert "the task is to stop" in run.record.of(Event.Kind.TOOL_RESULT)[0][0]
