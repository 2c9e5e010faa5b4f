"""The tools that a model may be given. Each does its work in the sandbox, never here.

Arguments are read into a model of theirs first; what a person allows is what is read. Programs
and commands reach the sandbox as one argument, what the file tools need as JSON on standard input:
nothing is put together into a shell's line.
"""

import codecs
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from agenhood.runtime import scrub
from agenhood.runtime.drivers.llm.plain import plain, plain_data, shortened
from agenhood.runtime.run import Run
from agenhood.runtime.sandbox import Finished

# The kernel takes 128 KiB in one argument.
PROGRAM_CHARACTERS = 30_000
RESULT_CHARACTERS = 24_000  # of a tool's output, for the model: about 6,000 tokens
MOST_OUTPUT = 2_000_000  # bytes that a command may print before it is killed
FILE_SECONDS = 60
FILE_OUTPUT = 4_000_000
FILE_PROGRAM = (Path(__file__).with_name("in_sandbox.py")).read_text(encoding="utf-8")
# bash where there is one: it is what models write for.
SHELL = 'if command -v bash >/dev/null; then exec bash -c "$1"; else exec sh -c "$1"; fi'

KILLED = {
    "time": "It was killed: it took longer than it may.",
    "memory": "It was killed: it took more memory than the agent may.",
    "disk": "It was killed: the agent's directory is full.",
    "output": "It was killed: it printed more than it may. Write to a file instead.",
    "asked": "It was ended: the task is to stop.",
}


class WrongArguments(Exception):
    """A call that no tool can carry out; the message is for the model."""


@dataclass(slots=True)
class Result:
    """What a call came to. `changes` are (path, "created" or "changed")."""

    text: str
    is_error: bool = False
    exit_code: int | None = None
    changes: list[tuple[str, str]] = field(default_factory=list)


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunShell(Arguments):
    command: str = Field(max_length=PROGRAM_CHARACTERS, description="What the shell is to run.")
    timeout_seconds: int = Field(120, ge=1, le=86_400, description="When to kill it.")


class RunPython(Arguments):
    code: str = Field(max_length=PROGRAM_CHARACTERS, description="A Python 3 program.")
    timeout_seconds: int = Field(120, ge=1, le=86_400, description="When to kill it.")


class ReadFile(Arguments):
    path: str = Field(max_length=4000, description="Seen from your directory.")
    first_line: int = Field(1, ge=1, description="Where to begin.")
    lines: int = Field(2000, ge=1, description="How many lines to read at most.")


class WriteFile(Arguments):
    path: str = Field(max_length=4000, description="Seen from your directory.")
    content: str = Field(description="All that the file is to hold.")


class EditFile(Arguments):
    path: str = Field(max_length=4000, description="Seen from your directory.")
    old: str = Field(min_length=1, description="The text to replace, exactly as it stands there.")
    new: str = Field(description="What to put in its place.")
    everywhere: bool = Field(False, description="Replace it each time, not the only time.")


class ListFiles(Arguments):
    path: str = Field(".", max_length=4000, description="Seen from your directory.")
    recursive: bool = Field(False, description="Whether to look into folders, too.")


@dataclass(frozen=True, slots=True)
class Tool:
    """`main` is the argument that tells people what a call is about."""

    name: str
    description: str
    arguments: type[Arguments]
    main: str
    work: Callable[[Run, "Call"], Result]

    @property
    def definition(self) -> ToolDefinition:
        return ToolDefinition(
            name=self.name,
            description=self.description,
            parameters_json_schema=self.arguments.model_json_schema(),
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose arguments are what its tool takes."""

    id: str
    tool: Tool
    arguments: dict[str, Any]

    @property
    def said(self) -> str:
        return str(self.arguments[self.tool.main])

    def make(self, run: Run) -> Result:
        """Carry the call out. Raises SandboxError."""
        return self.tool.work(run, self)


def granted(run: Run) -> list[Tool]:
    return [tool for name, tool in TOOLS.items() if name in run.tools]


def read(part: ToolCallPart, tools: list[Tool]) -> Call:
    """Read what the model wants. Raises WrongArguments."""
    tool = next((tool for tool in tools if tool.name == part.tool_name), None)
    if tool is None:
        names = ", ".join(tool.name for tool in tools) or "none"
        raise WrongArguments(f"There is no such tool. Yours are: {names}.")
    try:
        arguments = tool.arguments.model_validate_json(as_text(part))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'arguments'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise WrongArguments(f"These are no arguments for it: {problems}") from None
    values = arguments.model_dump()
    if plain_data(values) != values:
        raise WrongArguments("There is a NUL character in them, which no tool takes.")
    return Call(part.tool_call_id, tool, values)


def as_text(part: ToolCallPart) -> str:
    """Return a call's arguments as the model wrote them."""
    arguments = part.args
    return arguments or "{}" if isinstance(arguments, str) else json.dumps(arguments or {})


def _shell(run: Run, call: Call) -> Result:
    command = call.arguments["command"]
    return _program(run, ["/bin/sh", "-c", SHELL, "sh", command], call)


def _python(run: Run, call: Call) -> Result:
    return _program(run, ["python3", "-u", "-c", call.arguments["code"]], call)


def _program(run: Run, command: list[str], call: Call) -> Result:
    output = _Output(run)
    finished = run.sandbox.run(
        command,
        wall_seconds=min(call.arguments["timeout_seconds"], run.limits.wall_seconds),
        on_output=output.take,
        should_end=lambda: run.stop.reason is not None,
        should_kill=lambda: run.stop.is_forced,
        most_output=MOST_OUTPUT,
    )
    output.end()
    text = shortened(output.text, RESULT_CHARACTERS, run.record.cut)
    lines = [text or "[It printed nothing.]"]
    lines.append(_ending(run, finished))
    return Result("\n".join(lines), exit_code=finished.exit_code)


def _ending(run: Run, finished: Finished) -> str:
    why = finished.killed_for or ("asked" if run.stop.reason is not None else "")
    killed = KILLED.get(why, "It was killed.") if why else ""
    return f"[Exit code {finished.exit_code}. {killed}".rstrip() + "]"


def _file(run: Run, call: Call) -> Result:
    """Have in_sandbox.py do it."""
    printed = bytearray()
    finished = run.sandbox.run(
        ["python3", "-I", "-S", "-c", FILE_PROGRAM],
        stdin=json.dumps({"tool": call.tool.name, "arguments": call.arguments}).encode(),
        wall_seconds=FILE_SECONDS,
        on_output=lambda stream, piece: printed.extend(piece if stream == "stdout" else b""),
        should_end=lambda: run.stop.reason is not None,
        should_kill=lambda: run.stop.is_forced,
        most_output=FILE_OUTPUT,
    )
    try:
        answer = json.loads(printed)
        if "error" in answer:
            return Result(f"It was not done: {plain(str(answer['error']))}.", is_error=True)
        changes = [(str(path), str(change)) for path, change in answer.get("changes", [])]
        text = plain(str(answer["text"]))
        if answer.get("is_cut"):
            text = run.record.cut(text, len(text) - scrub.PIECE)[0]
        text = shortened(text, 2 * RESULT_CHARACTERS, run.record.cut)
        return Result(text + plain(str(answer.get("note", ""))), changes=changes)
    except (ValueError, TypeError, KeyError):
        return Result(f"It was not done.\n{_ending(run, finished)}", is_error=True)


class _Output:
    """Notes what a program prints as it comes, and keeps it for the model."""

    def __init__(self, run: Run) -> None:
        self.record = run.record
        self.pieces: list[str] = []
        self.decoders: dict[str, codecs.IncrementalDecoder] = {}

    def take(self, stream: str, piece: bytes) -> None:
        decoder = self.decoders.setdefault(stream, codecs.getincrementaldecoder("utf-8")("replace"))
        self._note(stream, decoder.decode(piece))

    def end(self) -> None:
        for stream, decoder in self.decoders.items():
            self._note(stream, decoder.decode(b"", final=True))

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def _note(self, stream: str, text: str) -> None:
        text = plain(text)
        if text:
            self.record.output(stream, text)
            self.pieces.append(text)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "run_shell",
            "Run a shell command in your directory and get what it prints.",
            RunShell,
            "command",
            _shell,
        ),
        Tool(
            "run_python",
            "Run a Python 3 program in your directory and get what it prints.",
            RunPython,
            "code",
            _python,
        ),
        Tool("read_file", "Read a text file.", ReadFile, "path", _file),
        Tool(
            "write_file",
            "Write a text file; one that is there is replaced. Folders are made.",
            WriteFile,
            "path",
            _file,
        ),
        Tool("edit_file", "Replace a text in a file by another.", EditFile, "path", _file),
        Tool("list_files", "List what is in a folder.", ListFiles, "path", _file),
    )
}
