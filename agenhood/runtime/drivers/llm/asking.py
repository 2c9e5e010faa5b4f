"""One answer of the model, however often it has to be asked."""

import asyncio
import random
import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx2
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior
from pydantic_ai.messages import (
    InstructionPart,
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from agenhood.runtime.drivers.llm.errors import Failure, failure
from agenhood.runtime.drivers.llm.events import ASSISTANT, THINKING, Spoken, complain
from agenhood.runtime.drivers.llm.failures import Ended, Stopped
from agenhood.runtime.drivers.llm.plain import plain, plain_data
from agenhood.runtime.run import Run

T = TypeVar("T")

FIRST_WAIT_SECONDS = 1.0  # then twice as long each time
WAITING_SECONDS = 60.0  # in all, for one answer
LOOK_SECONDS = 0.2  # how often to look whether the run is to stop
CLOSE_SECONDS = 5.0
ANSWER_CHARACTERS = 2_000_000
MOST_CALLS = 50  # in one answer; the model is told of those beyond
# What the libraries for the protocols raise where a server does not keep to them.
STUMBLED = (
    UnexpectedModelBehavior,
    httpx2.HTTPError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
NONSENSE = Failure("The provider's answer was none that a model gives.", is_passing=True)


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks `model` with the same instructions and tools each time."""

    run: Run
    model: Model
    instructions: str
    tools: Sequence[ToolDefinition]

    async def ask(self, messages: Sequence[ModelMessage]) -> ModelResponse:
        """Return the model's answer to the messages. What it says is noted as it comes.

        What may pass by itself is tried again for a minute. Raises Ended, and Stopped.
        """
        wait, waited = FIRST_WAIT_SECONDS, 0.0
        while True:
            try:
                return await self._unless_stopped(self._answer(messages))
            except ModelAPIError as error:
                key = self.run.provider.key if self.run.provider else ""
                failed = failure(error, key=key, cut=self.run.record.cut)
            except STUMBLED:
                failed = NONSENSE
            # Not all who were told to wait should come back at the same moment.
            seconds = max(wait * random.uniform(1, 1.25), failed.retry_after)  # noqa: S311 - no secret
            if not failed.is_passing or waited + seconds > WAITING_SECONDS:
                raise Ended(failed.words, can_retry=failed.is_passing)
            complain(self.run.record, f"{failed.words} Asking again in {seconds:.0f} s.")
            await self._unless_stopped(asyncio.sleep(seconds))
            wait, waited = wait * 2, waited + seconds

    async def _answer(self, messages: Sequence[ModelMessage]) -> ModelResponse:
        parameters = ModelRequestParameters(
            function_tools=list(self.tools),
            instruction_parts=(
                [InstructionPart(content=self.instructions)] if self.instructions else []
            ),
        )
        said = _Said(self.run)
        try:
            async with model_request_stream(
                self.model, messages, model_request_parameters=parameters, instrument=False
            ) as stream:
                async for event in stream:
                    said.hear(event)
                response = stream.get()
        finally:
            said.end()  # what was said before it broke off, too
        if response.finish_reason is None:
            raise UnexpectedModelBehavior("the stream ended before the answer did")
        return _clean(response, messages)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if self.run.stop.reason is not None:
                    raise Stopped
                await asyncio.wait({task}, timeout=LOOK_SECONDS)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=CLOSE_SECONDS)


class _Said:
    """Notes texts as they come in."""

    def __init__(self, run: Run) -> None:
        self.record = run.record
        self.characters = 0
        self.spoken: Spoken | None = None

    def hear(self, event: ModelResponseStreamEvent) -> None:
        match event:
            case PartStartEvent(part=TextPart(content=text)):
                self._begin(ASSISTANT, text)
            case PartStartEvent(part=ThinkingPart(content=text)):
                self._begin(THINKING, text)
            case PartStartEvent():
                self.end()
            case PartDeltaEvent(
                delta=TextPartDelta(content_delta=text) | ThinkingPartDelta(content_delta=text)
            ):
                self._add(text or "")
            case PartDeltaEvent(delta=delta):
                self._count(str(getattr(delta, "args_delta", "") or ""))
            case PartEndEvent():
                self.end()

    def end(self) -> None:
        if self.spoken is not None:
            self.spoken.end()
        self.spoken = None

    def _begin(self, role: str, text: str) -> None:
        self.end()
        self.spoken = Spoken(self.record, role)
        self._add(text)

    def _add(self, text: str) -> None:
        self._count(text)
        if self.spoken is not None:
            self.spoken.add(text)

    def _count(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > ANSWER_CHARACTERS:
            raise Ended("The model answered without an end.")


def _clean(response: ModelResponse, messages: Sequence[ModelMessage]) -> ModelResponse:
    """Return the answer as it can be stored and sent back, each tool call with a name of its own.

    Servers of one's own may give the same name to calls of different answers; a decision on one
    of them must not be taken for one on the other.
    """
    taken = {
        part.tool_call_id
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    parts: list[Any] = []
    for part in response.parts:
        match part:
            case TextPart() if part.content.strip():
                parts.append(replace(part, content=plain(part.content)))
            case ThinkingPart():
                parts.append(
                    replace(
                        part,
                        content=plain(part.content),
                        id=plain(part.id or "") or None,
                        signature=plain(part.signature or "") or None,
                        provider_details=plain_data(part.provider_details),
                    )
                )
            case ToolCallPart():
                name = _named(part.tool_call_id, taken)
                taken.add(name)
                arguments = part.args
                parts.append(
                    ToolCallPart(
                        tool_name=re.sub(r"[^a-zA-Z0-9_-]", "_", part.tool_name)[:64] or "unnamed",
                        args=plain(arguments)
                        if isinstance(arguments, str)
                        else plain_data(arguments),
                        tool_call_id=name,
                    )
                )
    return ModelResponse(
        parts=parts,
        usage=response.usage,
        finish_reason=response.finish_reason,
        provider_name=response.provider_name,
        canonical_system=response.canonical_system,
    )


def _named(name: str, taken: set[str]) -> str:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:50] or "call"
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name}-{number}"
    return unique
