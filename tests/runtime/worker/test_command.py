"""The driver `command`: what a program is given, and what becomes of what it says."""

import json
import shlex

from agenhood.fleet.actions import artifact as artifacts
from agenhood.fleet.agent_files import files
from agenhood.fleet.models import AgentSecret, Event, Task
from agenhood.runtime import artifacts as collecting
from tests.workers.run import jobs, work_off
from workspaces.secrets import seal

State = Task.State
Kind = Event.Kind


def test_a_command_reads_the_prompt_and_its_output_is_the_answer(crew):
    task = crew.ask('cat; echo; cat "$AGENHOOD_PROMPT_FILE" >&2', text="Count the birds.")

    work_off()

    done = crew.task(task)
    assert (done.state, done.output) == (State.SUCCEEDED, "Count the birds.")
    assert crew.said(task) == "Count the birds.\n"
    assert crew.said(task, "stderr") == "Count the birds."
    assert done.finished_at >= done.started_at
    assert (done.attempt, done.job, jobs()) == (1, None, [])
    assert crew.states(task) == ["running", "succeeded"]
    numbers = [event.number for event in crew.events(task)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_an_exit_code_is_a_failure_with_its_number(crew):
    task = crew.ask("echo half; exit 7")
    work_off()
    failed = crew.task(task)
    assert (failed.state, failed.output) == (State.FAILED, "half")
    assert failed.state_reason == "The command ended with exit code 7."


def lines(*events):
    return "".join(f"echo '{json.dumps(event)}'; " for event in events)


def test_lines_of_json_are_events_and_all_others_output(crew):
    call = {"tool": "grep", "call": "c1", "arguments": {"pattern": "bird"}}
    result = {"tool": "grep", "call": "c1", "exit_code": 0, "seconds": 0.5}
    task = crew.ask(
        "echo before; "
        + lines(
            {"event": "tool_call", **call, "more": "x"},
            {"type": "tool_result", **result, "text": "three"},
            {"kind": "file_change", "path": "a.txt", "change": "added"},
            {"event": "usage", "model": "m", "input_tokens": 7, "output_tokens": 2},
            {"event": "message", "text": "Three birds."},
            {"event": "state", "text": "succeeded"},
            {"event": "usage", "model": 5, "input_tokens": "7", "cost_micros": 1e300},
        )
        + 'echo \'{not json\'; echo \'[1]\'; printf \'end {"event": "message", "text": "no"}\''
    )

    work_off()

    found = [(event.kind, event.text, event.data) for event in crew.events(task)][1:-1]
    assert found == [
        (Kind.OUTPUT, "before\n", {"stream": "stdout"}),
        (Kind.TOOL_CALL, "", call),
        (Kind.TOOL_RESULT, "three", result),
        (Kind.FILE_CHANGE, "", {"path": "a.txt", "change": "added"}),
        (
            Kind.USAGE,
            "",
            {"model": "m", "input_tokens": 7, "output_tokens": 2, "cost_micros": 0},
        ),
        (Kind.MESSAGE, "Three birds.", {"role": "assistant"}),
        (Kind.OUTPUT, '{"event": "state", "text": "succeeded"}\n', {"stream": "stdout"}),
        (Kind.USAGE, "", {"model": "", "input_tokens": 0, "output_tokens": 0, "cost_micros": 0}),
        (
            Kind.OUTPUT,
            '{not json\n[1]\nend {"event": "message", "text": "no"}',
            {"stream": "stdout"},
        ),
    ]
    done = crew.task(task)
    assert done.output == "Three birds."
    assert (done.input_tokens, done.output_tokens) == (7, 2)


def test_lines_that_no_event_can_hold_are_output_and_the_task_ends(crew):
    hostile = [
        '{"event": "tool_call", "arguments": {"a": NaN}}',
        '{"event": "tool_call", "arguments": {"a": 1e999}}',
        '{"event": "tool_call", "arguments": {"\\ud800": 1}}',
        '{"event": "message", "text": "\\ud83d"}',
        f'{{"event": "tool_call", "arguments": {{"a": {"[" * 600}{"]" * 600}}}}}',
    ]
    task = crew.ask("\n".join(f"echo {shlex.quote(line)}" for line in hostile))

    work_off()

    [output] = [event for event in crew.events(task) if event.kind != Kind.STATE]
    assert (output.kind, output.text) == (Kind.OUTPUT, "".join(line + "\n" for line in hostile))
    assert crew.task(task).state == State.SUCCEEDED


def test_files_in_out_become_artifacts(crew):
    first = crew.ask("mkdir -p out/deep; echo one > out/one.txt; printf '\\0\\1\\377' > out/deep/b")
    work_off()
    second = crew.ask("echo two > out/two.txt; ln -s /etc/passwd out/link")
    work_off()

    kept = crew.artifacts(first)
    assert set(kept) == {"one.txt", "deep/b"}
    assert set(crew.artifacts(second)) == {"two.txt"}
    with crew.scope, artifacts.open_file(kept["deep/b"]) as file:
        assert file.read() == b"\0\1\377"
    assert [kind for _outcome, _reason, kind in crew.trail("artifact.create")] == ["task"] * 3
    changes = crew.events(second, Kind.FILE_CHANGE)
    assert [(event.data["path"], event.data["change"]) for event in changes] == [
        ("out/two.txt", "stored")
    ]


def test_files_are_kept_up_to_the_size_of_the_agents_disk(crew, monkeypatch, settings):
    """Though they take nothing of it."""
    settings.ARTIFACT_MAX_BYTES = 10**6
    monkeypatch.setattr(collecting, "MB", 2**10)
    crew.set_agent(disk_mb=16)
    task = crew.ask("truncate -s 12K out/a out/b; truncate -s 2M out/c; echo x > out/d")
    work_off()
    assert {path: kept.size for path, kept in crew.artifacts(task).items()} == {"a": 12288, "d": 2}
    assert [event.text for event in crew.events(task, Kind.ERROR)] == [
        "b is not kept. A task's files may have 16 MB together, as its agent's disk.",
        "c is not kept. It is larger than 1 MB.",
    ]


def test_that_not_all_files_were_looked_at_is_said(crew, monkeypatch):
    monkeypatch.setattr(files, "DEEPEST", 2)
    task = crew.ask("mkdir -p out/deep/deeper; echo x > out/deep/deeper/x; echo x > out/x")
    work_off()
    assert set(crew.artifacts(task)) == {"x"}
    assert "too much in out/" in crew.events(task, Kind.ERROR)[0].text


def test_what_a_secret_looks_like_is_in_no_event_answer_or_artifact(crew):
    secret = "s3cr3t-value-0123456789"
    crew.set_agent(environment={"PLAIN": "seen"})
    with crew.scope:
        kept = AgentSecret(agent=crew.agent, variable="HIDDEN", set_in=1)
        kept.adopt()
        kept.sealed = seal(kept, "sealed", secret.encode())
        kept.save()
    task = crew.ask(
        'echo "$PLAIN $HIDDEN"; printf "%.9s" "$HIDDEN"; sleep 0.3; echo "${HIDDEN#?????????}";'
        ' printf "\\377$HIDDEN\\0" > "out/x-$HIDDEN";'
        ' printf \'{"event": "message", "text": "%s"}\' "$HIDDEN"'
    )

    work_off()

    done = crew.task(task)
    assert done.state == State.SUCCEEDED, done.state_reason
    [artifact] = crew.artifacts(task).values()
    with crew.scope, artifacts.open_file(artifact) as file:
        content = file.read()
    stored = json.dumps([[event.text, event.data] for event in crew.events(task)])
    for text in (stored, done.output, artifact.path, content.decode("latin-1")):
        assert secret not in text
        assert "[secret]" in text
    assert "seen [secret]" in stored
    assert content == b"\xff[secret]\0"


def test_a_program_that_writes_no_utf8_and_very_long_lines_is_output(crew):
    task = crew.ask(
        "printf '\\303'; sleep 0.2; printf '\\244 \\377'; head -c 300000 /dev/zero | tr '\\0' x"
    )
    work_off()
    assert crew.said(task) == "ä �" + "x" * 300_000
