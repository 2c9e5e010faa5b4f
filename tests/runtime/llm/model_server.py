"""A local server that speaks as models' providers do: OpenAI's chat completions and Anthropic's
messages, streamed. A test says what it answers, request by request, and looks at what it was sent.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"


@dataclass
class Wants:
    """A call of a tool. `arguments` may be text that is no JSON."""

    tool: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str = "call_1"

    @property
    def json(self) -> str:
        is_text = isinstance(self.arguments, str)
        return str(self.arguments) if is_text else json.dumps(self.arguments)


@dataclass
class Says:
    """An answer. `usage` is None where the server does not count; `cut` ends the connection in the
    middle: "rudely" or "silently"; `pause` is waited for in the middle."""

    text: str = ""
    wants: list[Wants] = field(default_factory=list)
    thinks: str = ""
    usage: tuple[int, int] | None = (100, 10)
    finish: str = ""
    cut: str = ""
    pause: threading.Event | None = None
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass
class Fails:
    status: int
    body: Any = field(default_factory=lambda: {"error": {"message": "not today", "type": "x"}})
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Raw:
    """Bytes that are no answer of a model, with status 200."""

    body: bytes
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)


Turn = Says | Fails | Raw


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class ModelServer:
    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.requests: list[Request] = []
        self.unexpected = 0
        model_server = self

        class Handler(_Handler):
            server_of_models = model_server

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def next_turn(self) -> Turn:
        if self.turns:
            return self.turns.pop(0)
        self.unexpected += 1
        return Fails(400, {"error": {"message": "the test expected no further request"}})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_models: ModelServer

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server_of_models.unexpected += 1
        self._whole(200, b"{}", "application/json", {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server_of_models.requests.append(Request(self.path, headers, body))
        turn = self.server_of_models.next_turn()
        try:
            self._answer(turn)
        except OSError:
            self.close_connection = True  # the other side has gone

    def _answer(self, turn: Turn) -> None:
        match turn:
            case Fails():
                text = turn.body if isinstance(turn.body, str) else json.dumps(turn.body)
                self._whole(turn.status, text.encode(), "application/json", turn.headers)
            case Raw():
                self._whole(200, turn.body, turn.content_type, turn.headers)
            case Says():
                self._stream(turn)

    def _whole(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, turn: Says) -> None:
        is_anthropic = self.path.startswith(ANTHROPIC)
        events = list((anthropic_events if is_anthropic else openai_events)(turn))
        silently = turn.cut == "silently"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header(
            *(("Connection", "close") if silently else ("Transfer-Encoding", "chunked"))
        )
        self.end_headers()
        for number, event in enumerate(events):
            if number == len(events) // 2:
                turn.reached.set()
                if turn.pause is not None:
                    turn.pause.wait(30)
                if turn.cut:
                    self.close_connection = True
                    self.connection.close()
                    return
            self._write(event.encode(), is_chunked=not silently)
        if not silently:
            self._write(b"", is_chunked=True)

    def _write(self, data: bytes, *, is_chunked: bool) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if is_chunked else data)
        self.wfile.flush()


def openai_events(turn: Says) -> Iterator[str]:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        shape = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return f"data: {json.dumps({**shape, 'choices': choices, **more})}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    if turn.thinks:
        yield chunk({"reasoning_content": turn.thinks})
    for piece in _pieces(turn.text):
        yield chunk({"content": piece})
    for index, call in enumerate(turn.wants):
        function = {"name": call.tool, "arguments": ""}
        begun = {"index": index, "id": call.id, "type": "function", "function": function}
        yield chunk({"tool_calls": [begun]})
        for piece in _pieces(call.json):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, turn.finish or ("tool_calls" if turn.wants else "stop"))
    if turn.usage:
        given, made = turn.usage
        usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        yield chunk({}, choices=[], usage=usage)
    yield "data: [DONE]\n\n"


def anthropic_events(turn: Says) -> Iterator[str]:
    def event(name: str, **data: Any) -> str:
        return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n"

    given, made = turn.usage or (0, 0)
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": given, "output_tokens": 1},
    }  # fmt: skip
    yield event("message_start", message=message)
    index = 0
    blocks: list[tuple[dict[str, Any], str, str, str]] = []
    if turn.thinks:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.append((block, "thinking_delta", "thinking", turn.thinks))
    if turn.text:
        blocks.append(({"type": "text", "text": ""}, "text_delta", "text", turn.text))
    for call in turn.wants:
        block = {"type": "tool_use", "id": call.id, "name": call.tool, "input": {}}
        blocks.append((block, "input_json_delta", "partial_json", call.json))
    for index, (block, kind, name, text) in enumerate(blocks):
        yield event("content_block_start", index=index, content_block=block)
        for piece in _pieces(text):
            yield event("content_block_delta", index=index, delta={"type": kind, name: piece})
        if kind == "thinking_delta":
            signature = {"type": "signature_delta", "signature": "c2lnbmVk"}
            yield event("content_block_delta", index=index, delta=signature)
        yield event("content_block_stop", index=index)
    stop = turn.finish or ("tool_use" if turn.wants else "end_turn")
    yield event(
        "message_delta",
        delta={"stop_reason": stop, "stop_sequence": None},
        usage={"output_tokens": made},
    )
    yield event("message_stop")


def _pieces(text: str) -> Iterator[str]:
    size = max(len(text) // 3, 1)
    for start in range(0, len(text), size):
        yield text[start : start + size]
