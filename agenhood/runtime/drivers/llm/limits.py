"""What a task may take of its model: requests, tokens and money.

It is counted from the task's own messages, so that it counts on after the task waited.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
)
from pydantic_ai.usage import RequestUsage

from agenhood.runtime.drivers.llm.failures import Ended
from agenhood.runtime.drivers.llm.models import address
from agenhood.runtime.prices import cost_micros
from agenhood.runtime.run import Run

CHARACTERS_A_TOKEN = 4  # where a server does not count
MOST_TOKENS = 100_000_000  # of one request


@dataclass(frozen=True, slots=True)
class Spent:
    requests: int
    tokens: int
    micros: int


def spent(run: Run, messages: Sequence[ModelMessage]) -> Spent:
    answers = [message for message in messages if isinstance(message, ModelResponse)]
    return Spent(
        requests=len(answers),
        tokens=sum(answer.usage.total_tokens for answer in answers),
        micros=sum(cost(run, answer.usage) or 0 for answer in answers),
    )


def cost(run: Run, usage: RequestUsage) -> int | None:
    where = address(run.provider) if run.provider else ""
    return cost_micros(run.model, usage, prices=run.prices, address=where)


def check(run: Run, messages: Sequence[ModelMessage]) -> None:
    """Raise Ended where the task has taken all that it may. Asked before each request."""
    so_far, limits = spent(run, messages), run.limits
    if so_far.requests >= limits.max_iterations:
        raise Ended(f"The model was asked {so_far.requests} times, as often as the agent may.")
    if so_far.tokens >= limits.max_tokens:
        raise Ended(
            f"It took {so_far.tokens:,} tokens; the agent may take {limits.max_tokens:,} for one"
            " task."
        )
    if so_far.micros >= limits.max_cost_cents * 10_000:
        raise Ended(
            f"It cost ${so_far.micros / 1_000_000:,.2f}; the agent may spend"
            f" ${limits.max_cost_cents / 100:,.2f} on a task."
        )


def counted(response: ModelResponse, messages: Sequence[ModelMessage]) -> ModelResponse:
    """Return the answer with its usage, estimated where the server did not tell, and within what
    can be: the figures are a server's, which may be anybody's."""
    said, response = response.usage, replace(response, usage=RequestUsage())
    usage = RequestUsage(
        input_tokens=_sane(said.input_tokens) or _estimate(messages),
        output_tokens=_sane(said.output_tokens) or _estimate([response]),
        cache_read_tokens=_sane(said.cache_read_tokens),
        cache_write_tokens=_sane(said.cache_write_tokens),
    )
    return replace(response, usage=usage)


def _sane(tokens: object) -> int:
    return min(max(tokens, 0), MOST_TOKENS) if isinstance(tokens, int) else 0


def _estimate(messages: Sequence[ModelMessage]) -> int:
    return len(ModelMessagesTypeAdapter.dump_json(list(messages))) // CHARACTERS_A_TOKEN
