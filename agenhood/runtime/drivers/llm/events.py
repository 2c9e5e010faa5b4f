"""What happens in the run, noted for those who watch."""

from dataclasses import dataclass, field
from typing import Any

from agenhood.fleet.models import Event
from agenhood.runtime.drivers.llm.plain import plain, plain_data
from agenhood.runtime.run import Recorder

# Of a long answer, so much is noted before it is finished. It is cut at the end of a line only:
# a secret is found in what is noted as a whole.
PIECE_CHARACTERS = 1500

ASSISTANT, THINKING, SYSTEM = "assistant", "thinking", "system"


def say(record: Recorder, text: str) -> None:
    """Note what the console itself has to say in the conversation."""
    record.event(Event.Kind.MESSAGE, plain(text), role=SYSTEM)


def complain(record: Recorder, text: str) -> None:
    record.event(Event.Kind.ERROR, plain(text))


def note_call(
    record: Recorder, *, tool: str, call: str, said: str, arguments: dict[str, Any]
) -> None:
    """Note what the model wants to have done. `said` tells it in a line or a few."""
    record.event(
        Event.Kind.TOOL_CALL, plain(said), tool=tool, call=call, arguments=plain_data(arguments)
    )


def note_result(record: Recorder, text: str, *, tool: str, call: str, **data: Any) -> None:
    record.event(Event.Kind.TOOL_RESULT, plain(text), tool=tool, call=call, **data)


def note_change(record: Recorder, *, path: str, change: str) -> None:
    path = plain(path)
    record.event(Event.Kind.FILE_CHANGE, path, path=path, change=change)


@dataclass(slots=True)
class Spoken:
    """A text of the model while it comes in. Later pieces of it have `continues`."""

    record: Recorder
    role: str
    _waiting: str = ""
    _data: dict[str, Any] = field(default_factory=dict)

    def add(self, text: str) -> None:
        self._waiting += text
        if len(self._waiting) > PIECE_CHARACTERS:
            whole_lines, newline, rest = self._waiting.rpartition("\n")
            if newline and len(whole_lines) > PIECE_CHARACTERS:
                self._note(whole_lines + newline)
                self._waiting = rest

    def end(self) -> None:
        if self._waiting.strip():
            self._note(self._waiting)
        self._waiting = ""

    def _note(self, text: str) -> None:
        self.record.event(Event.Kind.MESSAGE, plain(text), role=self.role, **self._data)
        self._data = {"continues": True}
