"""Runs for the driver: what a worker would hand it, in memory."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from agenhood.fleet.models import Event
from agenhood.runtime.run import Limits, Provider, Run, StopReason
from agenhood.runtime.sandbox import Finished
from agenhood.runtime.scrub import Scrubber

KEY = "sk-ant-0123456789-the-provider-key"
LIMITS = Limits(
    wall_seconds=600,
    max_iterations=25,
    max_tokens=100_000,
    max_cost_cents=500,
    memory_mb=512,
    max_processes=64,
    disk_mb=64,
)
ALL_TOOLS = {
    "run_shell": False,
    "run_python": False,
    "read_file": False,
    "write_file": False,
    "edit_file": False,
    "list_files": False,
}


@dataclass
class Record:
    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    usages: list[tuple[int, int, int]] = field(default_factory=list)
    scrubber: Scrubber = field(default_factory=lambda: Scrubber([]))

    def event(self, kind: Event.Kind, text: str = "", **data: Any) -> None:
        self.events.append((str(kind), text, data))

    def output(self, stream: str, text: str) -> None:
        self.outputs.append((stream, text))

    def usage(self, model: str, *, input_tokens: int, output_tokens: int, cost_micros: int) -> None:
        self.usages.append((input_tokens, output_tokens, cost_micros))

    def cut(self, text: str, at: int) -> tuple[str, str]:
        return self.scrubber.cut(text, at)

    def flush(self) -> None:
        pass

    def of(self, kind: Event.Kind) -> list[tuple[str, dict[str, Any]]]:
        return [(text, data) for found, text, data in self.events if found == str(kind)]

    def said(self, role: str = "assistant") -> list[str]:
        return [text for text, data in self.of(Event.Kind.MESSAGE) if data["role"] == role]


class Stop:
    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self.is_forced = False
        self._asked = threading.Event()

    def ask(self, reason: StopReason) -> None:
        self.reason = reason
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        return self._asked.wait(seconds)


@dataclass
class ScriptedSandbox:
    """Starts no program: notes what it was to run and prints what the test says."""

    prints: list[bytes] = field(default_factory=list)
    ends: Callable[[], Finished] = lambda: Finished(0)
    commands: list[Sequence[str]] = field(default_factory=list)

    def run(
        self,
        command: Sequence[str],
        *,
        on_output: Callable[[str, bytes], None],
        **_more: Any,
    ) -> Finished:
        self.commands.append(command)
        if self.prints:
            on_output("stdout", self.prints.pop(0))
        return self.ends()

    def close(self) -> None:
        pass


def make_run(address: str, **given: Any) -> Run:
    """Return a run whose model is at `address`. `limits` may name a few of them."""
    kind = given.pop("kind", "openai")
    limits = replace(LIMITS, **given.pop("limits", {}))
    base_url = address if kind == "anthropic" else f"{address}/v1"
    values: dict[str, Any] = {
        "task_id": uuid4(),
        "input": "Count the files.",
        "instructions": "You are careful.",
        "command": "",
        "model": "some-model",
        "provider": Provider(kind, base_url, KEY),
        "tools": ALL_TOOLS,
        "limits": limits,
        "output_schema": None,
        "prices": {},
        "memory": [],
        "messages": [],
        "decisions": [],
        "sandbox": ScriptedSandbox(),
        "record": Record(),
        "stop": Stop(),
    }
    return Run(**values | given)
