"""What is sent down a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import json
from dataclasses import dataclass
from typing import Any

RETRY_MS = 1000
HELLO = f"retry: {RETRY_MS}\n: hello\n\n".encode()
PING = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """Events `begins` to `ends` of a task, ready to be sent: one, or a gap that is named. `kind` is
    the event's."""

    begins: int
    ends: int
    sent: bytes
    kind: str = ""


def step(number: int, kind: str, markup: str) -> Frame:
    return Frame(number, number, _named("step", {"kind": kind, "html": markup}, number), kind)


def gap(begins: int, ends: int) -> Frame:
    """Say that events are left out, so many that no browser should be sent them."""
    return Frame(begins, ends, _named("gap", {"begins": begins, "ends": ends}, ends))


def note(name: str, data: dict[str, Any]) -> bytes:
    """Return what has no number: it is true now, and whoever missed it needs only the next one."""
    return _named(name, data)


def end(reason: str) -> bytes:
    return _named("end", {"reason": reason})


def _named(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    numbered = "" if number is None else f"id: {number}\n"
    return f"event: {name}\n{numbered}data: {json.dumps(data)}\n\n".encode()
