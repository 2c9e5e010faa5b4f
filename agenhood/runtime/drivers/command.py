"""The driver `command`: runs any program inside the sandbox.

The agent's command is given to `/bin/sh -c`, in the agent's directory. It reads the prompt (the
agent's prompt, then what was asked) on standard input and in the file $AGENHOOD_PROMPT_FILE, and
leaves files in `out/`. What it writes on standard output is output, but for lines that are a JSON
object with one of these:

    {"event": "message", "text": "…"}                     the last one is the task's answer
    {"event": "tool_call", "tool": "…", "call": "…", "arguments": {…}}
    {"event": "tool_result", "tool": "…", "call": "…", "text": "…", "exit_code": 0, "seconds": 0.1}
    {"event": "file_change", "path": "…", "change": "…"}
    {"event": "usage", "model": "…", "input_tokens": 1, "output_tokens": 1, "cost_micros": 1}
    {"event": "error", "text": "…"}

"type" or "kind" may stand for "event". Whatever else such an object holds is left out. What cannot
be stored, as NaN, half a surrogate pair or a very deep nesting, makes the line output. Without a
message the answer is the end of what it wrote. It succeeds with the exit code 0.
"""

import codecs
import json
from typing import Any

from agenhood.fleet.models import Event, Task
from agenhood.runtime import scrub
from agenhood.runtime.run import Outcome, Run, StopReason
from agenhood.runtime.sandbox import Finished, SandboxError

LONGEST_LINE = 200_000  # characters; a longer one is output, in pieces
LONGEST_ANSWER = 20_000  # characters, of the end of what was written
LARGEST_NUMBER = 10**12
DEEPEST = 50  # lists and objects within each other in an event
GRACE_SECONDS = 20  # for `run.stop`, which notices the time first and asks the program to end

_KILLED = {
    "time": "It took longer than it may.",
    "memory": "It needed more memory than it may have.",
    "disk": "It wrote more than its disk holds.",
    "output": "It wrote more output than is read.",
    "asked": "It was stopped.",
}
_FIELDS: dict[Event.Kind, dict[str, type]] = {
    Event.Kind.MESSAGE: {},
    Event.Kind.TOOL_CALL: {"tool": str, "call": str, "arguments": dict},
    Event.Kind.TOOL_RESULT: {"tool": str, "call": str, "exit_code": int, "seconds": float},
    Event.Kind.FILE_CHANGE: {"path": str, "change": str},
    Event.Kind.USAGE: {"model": str, "input_tokens": int, "output_tokens": int, "cost_micros": int},
    Event.Kind.ERROR: {},
}


def run(run: Run) -> Outcome:
    """Run the agent's command until it ends. Raises nothing of the sandbox's."""
    written = _Written(run)
    prompt = "\n\n".join(text for text in (run.instructions.strip(), run.input) if text)
    try:
        finished = run.sandbox.run(
            ["/bin/sh", "-c", run.command],
            stdin=prompt.encode(errors="replace"),
            wall_seconds=run.limits.wall_seconds + GRACE_SECONDS,
            on_output=written.take,
            should_end=lambda: run.stop.reason is not None,
            should_kill=lambda: run.stop.is_forced,
        )
    except SandboxError as error:
        return Outcome(Task.State.FAILED, reason=str(error))
    finally:
        written.end()
    if run.stop.reason is not None:
        return Outcome(_STOPPED[run.stop.reason], output=written.answer())
    return _outcome(finished, written.answer())


_STOPPED = {
    StopReason.CANCELLED: Task.State.CANCELLED,
    StopReason.TIMED_OUT: Task.State.TIMED_OUT,
    StopReason.REFUSED: Task.State.FAILED,
    StopReason.WORKER_ENDS: Task.State.QUEUED,
    StopReason.LOST: Task.State.FAILED,
}


def _outcome(finished: Finished, answer: str) -> Outcome:
    if finished.killed_for == "time":
        return Outcome(Task.State.TIMED_OUT, output=answer, reason=_KILLED["time"])
    if finished.killed_for:
        reason = _KILLED.get(finished.killed_for, "It was killed.")
        return Outcome(Task.State.FAILED, output=answer, reason=reason)
    if finished.exit_code != 0:
        reason = f"The command ended with exit code {finished.exit_code}."
        return Outcome(Task.State.FAILED, output=answer, reason=reason)
    return Outcome(Task.State.SUCCEEDED, output=answer)


class _Written:
    """What the program has written: events and output, in order, and the answer."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._decoders = {
            stream: codecs.getincrementaldecoder("utf-8")("replace")
            for stream in ("stdout", "stderr")
        }
        self._line = ""  # of stdout, not ended yet, that may become an event
        self._is_inside = False  # a line of stdout that has begun as output
        self._message = ""
        # The end of what was written on stdout, and a little before it by which a secret is found
        # where the answer begins.
        self._said = ""

    def take(self, stream: str, piece: bytes) -> None:
        text = self._decoders[stream].decode(piece)
        if stream == "stdout":
            self._lines(text)
        elif text:
            self._run.record.output(stream, text)

    def end(self) -> None:
        for stream, decoder in self._decoders.items():
            text = decoder.decode(b"", True)
            if stream == "stdout":
                self._lines(text)
                self._finish_line()
            elif text:
                self._run.record.output(stream, text)

    def answer(self) -> str:
        if self._message:
            return self._message
        beyond = max(len(self._said) - LONGEST_ANSWER, 0)
        return self._run.record.cut(self._said, beyond)[1].strip()

    def _lines(self, text: str) -> None:
        """Take what came on stdout: whole lines that are events, and all else as it comes."""
        *lines, rest = text.split("\n")
        plain: list[str] = []
        for line in lines:
            whole, self._line = self._line + line, ""
            event = None if self._is_inside else _event(whole)
            self._is_inside = False
            if event is None:
                plain.append(whole + "\n")
                continue
            self._output("".join(plain))
            plain.clear()
            self._note(*event)
        self._line += rest
        if self._line and (self._is_inside or not _may_be_event(self._line)):
            plain.append(self._line)
            self._line, self._is_inside = "", True
        self._output("".join(plain))

    def _finish_line(self) -> None:
        whole, self._line = self._line, ""
        if event := _event(whole):
            self._note(*event)
        else:
            self._output(whole)

    def _output(self, text: str) -> None:
        if text:
            self._run.record.output("stdout", text)
            kept = LONGEST_ANSWER + scrub.PIECE
            self._said = (self._said + text.replace("\0", ""))[-kept:]

    def _note(self, kind: Event.Kind, text: str, data: dict[str, Any]) -> None:
        if kind == Event.Kind.USAGE:
            self._run.record.usage(
                data.get("model", ""),
                input_tokens=max(data.get("input_tokens", 0), 0),
                output_tokens=max(data.get("output_tokens", 0), 0),
                cost_micros=max(data.get("cost_micros", 0), 0),
            )
            return
        if kind == Event.Kind.MESSAGE:
            self._message = text
            data = {"role": "assistant"}
        self._run.record.event(kind, text, **data)


def _may_be_event(line: str) -> bool:
    return line.startswith("{") and len(line) <= LONGEST_LINE


def _event(line: str) -> tuple[Event.Kind, str, dict[str, Any]] | None:
    """Return the event that a line is, with the fields that its kind has, or None."""
    if not _may_be_event(line):
        return None
    try:
        found = json.loads(line)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not _is_within(DEEPEST, found):
        return None
    name = next((found[key] for key in ("event", "type", "kind") if key in found), None)
    if name not in [str(kind) for kind in _FIELDS]:
        return None
    kind = Event.Kind(name)
    text = found.get("text", "")
    data = {
        key: wanted(found[key])
        for key, wanted in _FIELDS[kind].items()
        if key in found and _is(found[key], wanted)
    }
    return kind, text if isinstance(text, str) else json.dumps(text), data


def _is_within(levels: int, value: Any) -> bool:
    if not isinstance(value, (dict, list)):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_within(levels - 1, one) for one in inner)


def _is(value: Any, wanted: type) -> bool:
    if wanted in (int, float):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and abs(value) < LARGEST_NUMBER  # which NaN is not
    return isinstance(value, wanted)
