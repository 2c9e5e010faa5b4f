"""The loop: ask the model, make the calls that it wants, ask again, until it has an answer.

All of it stands in the task's messages: they alone say what comes next, so a task that waited for
a decision, or whose worker ended, goes on from them. The calls of one answer are made in their
order, one after the other; where one of them asks first, none is made before all are decided on,
so that people see the whole step that they allow.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Sequence
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from agenhood.fleet.models import Task
from agenhood.runtime.drivers.llm import limits, memory, schema, tools
from agenhood.runtime.drivers.llm.asking import MOST_CALLS, Asker
from agenhood.runtime.drivers.llm.events import note_call, note_change, note_result, say
from agenhood.runtime.drivers.llm.failures import Ended, Stopped
from agenhood.runtime.drivers.llm.models import http_client, model_at
from agenhood.runtime.drivers.llm.plain import plain
from agenhood.runtime.run import AskFirst, Outcome, Run, StopReason
from agenhood.runtime.sandbox import SandboxError

log = logging.getLogger("agenhood.runtime.llm")

PLACE = (
    "Your tools work in a directory of your own inside a sandbox. It is kept between tasks."
    " Results that people are to have as files belong into its folder out/."
)
COMPLAINT_CHARACTERS = 1000  # of what is wrong with a call
REPAIR = {"repair": "output"}
STOPPED = {
    StopReason.CANCELLED: (Task.State.CANCELLED, ""),
    StopReason.TIMED_OUT: (Task.State.TIMED_OUT, ""),
    StopReason.REFUSED: (Task.State.FAILED, "It may not be done any more."),
    StopReason.WORKER_ENDS: (Task.State.QUEUED, ""),
    StopReason.LOST: (Task.State.QUEUED, ""),
}


def work(run: Run) -> Outcome:
    with asyncio.Runner() as runner:
        loop = Loop(run, runner)
        try:
            outcome = loop.go()
        except Stopped:
            state, reason = STOPPED[run.stop.reason or StopReason.CANCELLED]
            outcome = loop.outcome(state, reason)
        except Ended as end:
            outcome = loop.outcome(Task.State.FAILED, end.reason, can_retry=end.can_retry)
        except SandboxError as error:
            outcome = loop.outcome(Task.State.FAILED, str(error), can_retry=True)
        except Exception as error:
            # Where, and the kind of error only: its words may be a workspace's content.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "task %s: %s in %s, line %s",
                run.task_id, type(error).__name__, place.filename, place.lineno,
            )  # fmt: skip
            outcome = loop.outcome(Task.State.FAILED, "The driver failed: this is a fault of ours.")
    return outcome


class Loop:
    def __init__(self, run: Run, runner: asyncio.Runner) -> None:
        self.run = run
        self.runner = runner
        self.tools = tools.granted(run)
        self.messages: list[ModelMessage] = []

    def go(self) -> Outcome:
        """Work until the task ends or waits. Raises Ended, Stopped and SandboxError."""
        run = self.run
        self._begin()
        if run.output_schema is not None:
            schema.check_schema(run.output_schema)
        http = http_client()
        try:
            asker = Asker(
                run,
                model_at(run.provider, run.model, http),
                self._instructions(),
                [tool.definition for tool in self.tools],
            )
            before = self._memory()
            while True:
                waiting = memory.open_calls(self.messages)
                if waiting:
                    asks = self._asks(waiting)
                    if asks:
                        return self.outcome(Task.State.WAITING, asks=asks)
                    self._answer(waiting)
                elif isinstance(self.messages[-1], ModelResponse):
                    done = self._finish(self.messages[-1])
                    if done is not None:
                        return done
                else:
                    self._stop_if_asked()
                    limits.check(run, self.messages)
                    self._ask(asker, before)
        finally:
            self.runner.run(http.aclose())

    def outcome(self, state: Task.State, reason: str = "", **more: Any) -> Outcome:
        said = "" if state in (Task.State.WAITING, Task.State.QUEUED) else self._last_answer()
        messages = memory.stored(self.messages)
        return Outcome(state, **{"output": said} | more, reason=reason, messages=messages)

    def _begin(self) -> None:
        if not self.run.messages:
            self.messages = [memory.question(self.run.input)]
            return
        try:
            self.messages = memory.restored(self.run.messages)
        except ValueError:
            raise Ended(
                "It cannot go on: what it waited with was stored by another version. Run it again."
            ) from None

    def _memory(self) -> list[ModelMessage]:
        try:
            messages = memory.restored(self.run.memory)
        except ValueError:
            say(self.run.record, "What was said before this task cannot be read any more.")
            return []
        return memory.remembered(
            messages, max_tokens=self.run.limits.max_tokens, with_tools=bool(self.tools)
        )

    def _instructions(self) -> str:
        parts = [self.run.instructions.strip()]
        if self.tools:
            parts.append(PLACE)
        if self.run.output_schema is not None:
            parts.append(schema.instructions(self.run.output_schema))
        return "\n\n".join(filter(None, parts))

    def _ask(self, asker: Asker, before: Sequence[ModelMessage]) -> None:
        asked = [*before, *self.messages]
        response = limits.counted(self.runner.run(asker.ask(asked)), asked)
        is_first = not any(isinstance(message, ModelResponse) for message in self.messages)
        self.messages.append(response)
        cost = limits.cost(self.run, response.usage)
        self.run.record.usage(
            self.run.model,
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            cost_micros=cost or 0,
        )
        if cost is None and is_first:
            say(
                self.run.record,
                f"No price is known for the model {self.run.model}: it counts as free.",
            )
        for part in memory.open_calls(self.messages):
            self._note_call(part)

    def _note_call(self, part: ToolCallPart) -> None:
        try:
            call = tools.read(part, self.tools)
        except tools.WrongArguments:
            said, arguments = tools.as_text(part), {}
        else:
            said, arguments = call.said, call.arguments
        note_call(
            self.run.record,
            tool=part.tool_name,
            call=part.tool_call_id,
            said=said,
            arguments=arguments,
        )

    def _asks(self, waiting: Sequence[ToolCallPart]) -> list[AskFirst]:
        """Return the calls that nobody has decided on but somebody must."""
        decided = {decision.call for decision in self.run.decisions}
        asks = []
        for part in waiting[:MOST_CALLS]:
            try:
                call = tools.read(part, self.tools)
            except tools.WrongArguments:
                continue
            if self.run.tools[call.tool.name] and call.id not in decided:
                asks.append(AskFirst(call.id, call.tool.name, call.arguments))
        return asks

    def _answer(self, waiting: Sequence[ToolCallPart]) -> None:
        for number, part in enumerate(waiting):
            self._stop_if_asked()
            result, is_denied, seconds = self._result(part, is_one_too_many=number >= MOST_CALLS)
            data: dict[str, Any] = {"seconds": round(seconds, 3)}
            if result.exit_code is not None:
                data["exit_code"] = result.exit_code
            if is_denied:
                data["denied"] = True
            for path, change in result.changes:
                note_change(self.run.record, path=path, change=change)
            note_result(
                self.run.record, result.text, tool=part.tool_name, call=part.tool_call_id, **data
            )
            returned = ToolReturnPart(
                part.tool_name,
                plain(result.text),
                part.tool_call_id,
                outcome="denied" if is_denied else "failed" if result.is_error else "success",
            )
            memory.answer(self.messages, [returned])

    def _result(
        self, part: ToolCallPart, *, is_one_too_many: bool
    ) -> tuple[tools.Result, bool, float]:
        """Return what a call came to, whether it was denied, and how many seconds it took."""
        if is_one_too_many:
            return tools.Result("Too many calls at once: make fewer.", is_error=True), False, 0.0
        try:
            call = tools.read(part, self.tools)
        except tools.WrongArguments as error:
            words = self.run.record.cut(str(error), COMPLAINT_CHARACTERS)[0]
            return tools.Result(words, is_error=True), False, 0.0
        if self.run.tools[call.tool.name]:
            decision = next(one for one in self.run.decisions if one.call == call.id)
            if not decision.is_allowed:
                note = f" They say: {decision.note}" if decision.note else ""
                return tools.Result(f"A person denied this call.{note}"), True, 0.0
        began = time.monotonic()
        return call.make(self.run), False, time.monotonic() - began

    def _finish(self, response: ModelResponse) -> Outcome | None:
        """Return the outcome of an answer without calls, None where the model is asked again."""
        if response.finish_reason == "content_filter":
            raise Ended("The provider's filter held the model's answer back.")
        if response.finish_reason == "length":
            raise Ended("The model's answer is cut off: it reached the most that it can write.")
        answer = memory.last_text(self.messages)
        if not answer:
            raise Ended("The model ended without an answer.")
        if self.run.output_schema is None:
            return self.outcome(Task.State.SUCCEEDED)
        answer = schema.document(answer)
        found = [
            self.run.record.cut(words, schema.ERROR_CHARACTERS)[0]
            for words in schema.errors(self.run.output_schema, answer)
        ]
        if not found:
            return self.outcome(Task.State.SUCCEEDED, output=answer)
        repairs = sum(_is_repair(message) for message in self.messages)
        if repairs >= schema.REPAIRS:
            raise Ended(f"The answer does not fit the agent's output schema: {found[0]}")
        complaint = schema.complaint(found)
        say(self.run.record, complaint)
        self.messages.append(ModelRequest(parts=[UserPromptPart(complaint)], metadata=REPAIR))
        return None

    def _last_answer(self) -> str:
        return memory.last_text(self.messages)

    def _stop_if_asked(self) -> None:
        if self.run.stop.reason is not None:
            raise Stopped


def _is_repair(message: ModelMessage) -> bool:
    return isinstance(message, ModelRequest) and message.metadata == REPAIR
