"""What the model remembers: messages as they are stored, and those of tasks before this one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from agenhood.runtime.drivers.llm.plain import plain_data, shortened

# Of earlier tasks, about 8,000 tokens; they are sent with each request of this one.
CHARACTERS = 32_000
SHARE = 10  # at most this part of the tokens that the task may take
SHORT_CHARACTERS = 2_000  # of what was asked or answered, where only that is remembered
BEGINS = {"begins": "task"}


def stored(messages: Sequence[ModelMessage]) -> list[Any]:
    """Return the messages as they are stored: plain JSON."""
    data = ModelMessagesTypeAdapter.dump_python(list(messages), mode="json", exclude_none=True)
    return list(plain_data(data))


def restored(data: Sequence[Any]) -> list[ModelMessage]:
    """Read stored messages. Raises ValueError where they are of another form."""
    try:
        return ModelMessagesTypeAdapter.validate_python(list(data))
    except ValidationError:
        raise ValueError("these messages were stored by another version") from None


def question(text: str) -> ModelRequest:
    """Return the message that a task begins with."""
    return ModelRequest(parts=[UserPromptPart(text)], metadata=BEGINS)


def remembered(
    messages: Sequence[ModelMessage], *, max_tokens: int, with_tools: bool
) -> list[ModelMessage]:
    """Return of earlier tasks' messages what there is room for: the newest tasks as they were,
    older ones as what was asked and what was answered, and the oldest not at all.

    Without tools none is kept as it was: providers take no calls of tools that there are not.
    """
    room = min(CHARACTERS, max_tokens * 4 // SHARE)
    kept: list[list[ModelMessage]] = []
    keep_whole = with_tools
    for task in reversed(_tasks(messages)):
        whole = _whole(task)
        if keep_whole and _size(whole) <= room:
            chosen = whole
        else:
            keep_whole = False
            chosen = _short(task)
        room -= _size(chosen)
        if room < 0:
            break
        kept.insert(0, chosen)
    return [message for task in kept for message in task]


def _tasks(messages: Sequence[ModelMessage]) -> list[list[ModelMessage]]:
    tasks: list[list[ModelMessage]] = []
    for message in messages:
        if isinstance(message, ModelRequest) and message.metadata == BEGINS:
            tasks.append([])
        if tasks:
            tasks[-1].append(message)
    return tasks


def _whole(task: list[ModelMessage]) -> list[ModelMessage]:
    """Return a task's messages without what the model only thought, and with each call answered:
    a task may have ended in the middle of its calls."""
    whole: list[ModelMessage] = []
    for message in task:
        if isinstance(message, ModelResponse):
            parts = [part for part in message.parts if not isinstance(part, ThinkingPart)]
            if not parts:
                continue
            message = replace(message, parts=parts)
        whole.append(message)
    unanswered = open_calls(whole)
    if unanswered:
        note = "The task ended before this was done."
        answer(whole, [_returned(part, note) for part in unanswered])
    return whole


def _short(task: list[ModelMessage]) -> list[ModelMessage]:
    asked = "".join(
        part.content
        for part in task[0].parts
        if isinstance(part, UserPromptPart) and isinstance(part.content, str)
    )
    said = last_text(task) or "(No answer.)"
    return [
        ModelRequest(parts=[UserPromptPart(shortened(asked, SHORT_CHARACTERS))]),
        ModelResponse(parts=[TextPart(shortened(said, SHORT_CHARACTERS))]),
    ]


def last_text(messages: Sequence[ModelMessage]) -> str:
    """Return what the model said last."""
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            text = "\n\n".join(
                part.content for part in message.parts if isinstance(part, TextPart)
            ).strip()
            if text:
                return text
    return ""


def open_calls(messages: Sequence[ModelMessage]) -> list[ToolCallPart]:
    """Return the calls of the model's last answer that have no result yet, in their order."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
            return [part for part in calls if part.tool_call_id not in answered]
        answered |= {
            part.tool_call_id for part in message.parts if isinstance(part, ToolReturnPart)
        }
    return []


def answer(messages: list[ModelMessage], results: Sequence[ToolReturnPart]) -> None:
    """Add results of calls; all those of one answer of the model belong into one message."""
    last = messages[-1]
    if isinstance(last, ModelRequest):
        messages[-1] = replace(last, parts=[*last.parts, *results])
    else:
        messages.append(ModelRequest(parts=list(results)))


def _returned(call: ToolCallPart, text: str) -> ToolReturnPart:
    return ToolReturnPart(call.tool_name, text, call.tool_call_id, outcome="interrupted")


def _size(messages: list[ModelMessage]) -> int:
    return len(ModelMessagesTypeAdapter.dump_json(messages, exclude_none=True))
