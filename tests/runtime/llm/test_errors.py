"""Providers that refuse, fail, are slow, cut off or talk nonsense."""

import gzip
import json
import threading
from typing import Any

import pytest

from agenhood.fleet.models import Event, Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.run import StopReason
from tests.runtime.llm.model_server import Fails, ModelServer, Raw, Says, Wants, openai_events
from tests.runtime.llm.runs import KEY, make_run

KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])


@pytest.fixture(autouse=True)
def no_secret_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at everything that any run of these tests notes or answers."""
    work = llm.run

    def looked_at(run: Any) -> Any:
        outcome = work(run)
        noted = json.dumps([outcome.reason, outcome.messages, run.record.events])
        assert KEY not in noted
        assert "Traceback" not in noted
        assert "127.0.0.1" not in noted
        return outcome

    monkeypatch.setattr(llm, "run", looked_at)


@KINDS
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "does not accept the agent's credential (HTTP 401)"),
        (403, "does not accept the agent's credential (HTTP 403)"),
        (404, "knows no such model, or has another address (HTTP 404)"),
        (400, "refused the request (HTTP 400). It says: some words"),
        (422, "refused the request (HTTP 422). It says: some words"),
        (402, "has nothing left to spend (HTTP 402). It says: some words"),
    ],
)
def test_a_refusal_is_final(server: ModelServer, kind: str, status: int, words: str) -> None:
    server.turns = [Fails(status, {"error": {"message": "some words", "type": "x"}})]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, False)
    assert words in outcome.reason


@KINDS
def test_the_provider_s_words_hold_no_key(server: ModelServer, kind: str) -> None:
    message = f"bad\n\x1b[31m request with {KEY} in it " + "x" * 1000
    server.turns = [Fails(400, {"error": {"message": message}})]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert "bad request with [key] in it xx" in outcome.reason
    assert len(outcome.reason) < 400


@KINDS
def test_a_page_of_another_server_is_not_repeated(server: ModelServer, kind: str) -> None:
    server.turns = [Fails(404, "<html>internal: 10.0.0.7</html>", {"Content-Type": "text/html"})]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert outcome.reason.endswith("(HTTP 404).")


@KINDS
@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_what_passes_by_itself_is_tried_again(server: ModelServer, kind: str, status: int) -> None:
    server.turns = [Fails(status), Fails(status), Says("Here I am.")]
    run = make_run(server.address, kind=kind)

    assert llm.run(run).output == "Here I am."

    complaints = [text for text, _ in run.record.of(Event.Kind.ERROR)]
    assert len(complaints) == 2
    assert f"(HTTP {status})" in complaints[0]
    assert "Asking again in" in complaints[0]


@KINDS
def test_after_a_minute_another_attempt_may_fare_better(
    server: ModelServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.05)
    server.turns = [Fails(503), Fails(503), Fails(503)]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, True)
    assert "(HTTP 503)" in outcome.reason


@KINDS
def test_a_provider_that_says_when_to_come_back_is_heeded(server: ModelServer, kind: str) -> None:
    server.turns = [Fails(429, headers={"Retry-After": "61"})]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, True)
    assert "no more requests for now (HTTP 429)" in outcome.reason


def test_waiting_as_long_as_the_provider_says(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.turns = [Fails(429, headers={"Retry-After": "50"})]
    run = make_run(server.address)
    noted = run.record.event

    def stop_when_it_waits(kind: Event.Kind, text: str = "", **data: Any) -> None:
        noted(kind, text, **data)
        if kind == Event.Kind.ERROR:
            run.stop.ask(StopReason.CANCELLED)

    monkeypatch.setattr(run.record, "event", stop_when_it_waits)

    assert llm.run(run).state == Task.State.CANCELLED

    assert "Asking again in 50 s." in run.record.of(Event.Kind.ERROR)[0][0]


@KINDS
@pytest.mark.parametrize("cut", ["rudely", "silently"])
def test_an_answer_that_is_cut_off_is_asked_for_again(
    server: ModelServer, kind: str, cut: str
) -> None:
    server.turns = [
        Says("It begins so well and", cut=cut),
        Says("", [Wants("run_shell", {"command": "only once"})], cut=cut),
        Says("Whole.", usage=(10, 1)),
    ]
    run = make_run(server.address, kind=kind)

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "Whole.")
    assert run.sandbox.commands == []
    assert len(outcome.messages) == 2
    assert len(run.record.of(Event.Kind.ERROR)) == 2
    assert run.record.usages == [(10, 1, 0)]
    if cut == "silently":  # all that was sent has arrived
        assert run.record.said()[0] in "It begins so well and"


@KINDS
@pytest.mark.parametrize(
    "nonsense",
    [
        Raw(b""),
        Raw(b"<html>Welcome to our router</html>", "text/html"),
        Raw(b'{"hello": "world"}', "application/json"),
        Raw(b"data: {not json\n\n"),
        Raw(b"data: 17\n\n"),
        Raw(b"data: null\n\ndata: [DONE]\n\n"),
        Raw(b'data: {"choices": [{"delta": {"content": 17}}]}\n\n'),
        Raw(b'data: {"choices": "none"}\n\n'),
        Raw(b'event: message_start\ndata: {"type": "message_start", "message": 5}\n\n'),
        Raw(b"\xff\xfe\x00\x01" * 50),
        Raw(b"data: " + b"[" * 200_000 + b"\n\n"),
    ],
    ids=[
        "nothing",
        "a page",
        "another document",
        "no json",
        "a number",
        "null",
        "a wrong text",
        "wrong choices",
        "a wrong message",
        "binary",
        "very deep",
    ],
)
def test_nonsense_is_no_answer(
    server: ModelServer, kind: str, nonsense: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.0)
    server.turns = [nonsense]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, True)
    assert "none that a model gives" in outcome.reason


@KINDS
def test_a_redirect_is_not_followed(server: ModelServer, kind: str) -> None:
    server.turns = [Fails(307, {}, {"Location": f"{server.address}/elsewhere"})]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, False)
    assert "None is followed" in outcome.reason
    assert len(server.requests) == 1


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.02)
    with ModelServer() as gone:
        address = gone.address

    outcome = llm.run(make_run(address))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, True)
    assert outcome.reason == "The provider could not be reached."


@KINDS
def test_a_provider_that_falls_silent(
    server: ModelServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.models.SILENCE_SECONDS", 0.05)
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.0)
    ended = threading.Event()
    server.turns = [Says("It begins and", pause=ended)]
    try:
        outcome = llm.run(make_run(server.address, kind=kind))
    finally:
        ended.set()

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, True)


@KINDS
def test_an_answer_without_an_end(
    server: ModelServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.ANSWER_CHARACTERS", 100)
    server.turns = [Says("more and " * 50)]

    outcome = llm.run(make_run(server.address, kind=kind))

    assert outcome.reason == "The model answered without an end."


def test_an_answer_that_would_fill_the_memory(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.models.MOST_BYTES", 100_000)
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.0)
    padding = ": nothing that counts\n" * 10_000
    server.turns = [Raw((padding + "".join(openai_events(Says("Here.")))).encode())]

    assert llm.run(make_run(server.address)).state == Task.State.FAILED


@KINDS
def test_a_packed_answer_is_not_unpacked(
    server: ModelServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.WAITING_SECONDS", 0.0)
    packed = gzip.compress("".join(openai_events(Says("Here."))).encode())
    server.turns = [Raw(packed, headers={"Content-Encoding": "gzip"})]

    assert llm.run(make_run(server.address, kind=kind)).state == Task.State.FAILED
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.filterwarnings("ignore:Failed to extract usage")
def test_what_no_database_stores_in_places_that_nobody_reads(server: ModelServer) -> None:
    odd = "x\ud800\0"
    usage = {"prompt_tokens": -(10**30), "completion_tokens": 10**30, "total_tokens": 5}
    delta = {"content": "Here.", "reasoning_content": odd, "role": odd}
    chunk = {
        "id": odd, "object": odd, "created": 1, "model": odd, "system_fingerprint": odd,
        "choices": [{"index": 0, "delta": delta, "finish_reason": "stop", "logprobs": {odd: odd}}],
        "usage": usage, odd: {odd: odd},
    }  # fmt: skip
    server.turns = [Raw(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())]
    run = make_run(server.address)

    outcome = llm.run(run)

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "Here.")
    stored = json.dumps([outcome.output, outcome.messages, run.record.events])
    assert "\\ud800" not in stored
    assert "\\u0000" not in stored
    for given, made, _cost in run.record.usages:
        assert 0 <= given <= 100_000_000
        assert 0 <= made <= 100_000_000


def test_an_error_within_the_answer(server: ModelServer) -> None:
    error = {"error": {"message": "overloaded", "type": "server_error", "code": 500}}
    server.turns = [Raw(f"data: {json.dumps(error)}\n\n".encode()), Says("Better.")]
    run = make_run(server.address)

    assert llm.run(run).output == "Better."

    assert len(run.record.of(Event.Kind.ERROR)) == 1


def test_an_error_within_an_answer_of_anthropic(server: ModelServer) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    server.turns = [
        Raw(f"event: error\ndata: {json.dumps(error)}\n\n".encode()),
        Says("Better."),
    ]
    run = make_run(server.address, kind="anthropic")

    assert llm.run(run).output == "Better."


def test_a_fault_of_ours_shows_no_content(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError(f"with {KEY}")

    monkeypatch.setattr("agenhood.runtime.drivers.llm.limits.check", broken)

    outcome = llm.run(make_run(server.address))

    assert outcome.state == Task.State.FAILED
    assert outcome.reason == "The driver failed: this is a fault of ours."
    assert "ZeroDivisionError in " in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://2852039166",
        "http://0xa9fea9fe",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200",
    ],
)
def test_no_model_is_asked_where_machines_tell_their_secrets(address: str) -> None:
    outcome = llm.run(make_run(address))

    assert (outcome.state, outcome.can_retry) == (Task.State.FAILED, False)
    assert "none that a model may be asked at" in outcome.reason
