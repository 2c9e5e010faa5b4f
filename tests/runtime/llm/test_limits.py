"""Requests, tokens and money, each with an end that says so and keeps what was said."""

from typing import Any

import pytest
from pydantic_ai.usage import RequestUsage

from agenhood.fleet.models import Task
from agenhood.runtime.drivers import llm
from agenhood.runtime.drivers.llm.limits import cost
from agenhood.runtime.run import Provider
from tests.runtime.llm.model_server import ModelServer, Says, Wants
from tests.runtime.llm.runs import KEY, make_run


def steps(number: int, usage: tuple[int, int] | None = (400, 100)) -> list[Any]:
    return [
        Says(f"Step {step}.", [Wants("run_shell", {"command": "x"}, str(step))], usage=usage)
        for step in range(number)
    ]


@pytest.mark.parametrize(
    ("limits", "asked", "reason"),
    [
        ({"max_iterations": 3}, 3, "The model was asked 3 times, as often as the agent may."),
        (
            {"max_tokens": 1000},
            2,
            "It took 1,000 tokens; the agent may take 1,000 for one task.",
        ),
        ({"max_cost_cents": 2}, 3, "It cost $0.03; the agent may spend $0.02 on a task."),
    ],
)
def test_a_task_ends_at_its_limit(
    server: ModelServer, limits: dict[str, int], asked: int, reason: str
) -> None:
    server.turns = steps(asked)
    # 400 at $10 and 100 at $45 for a million: $0.0085 each time.
    run = make_run(server.address, limits=limits, prices={"some-model": (10_000_000, 45_000_000)})

    outcome = llm.run(run)

    assert (outcome.state, outcome.reason) == (Task.State.FAILED, reason)
    assert outcome.output == f"Step {asked - 1}."
    assert outcome.can_retry is False
    assert len(outcome.messages) == 1 + 2 * asked
    assert run.record.usages == [(400, 100, 8500)] * asked
    assert "No price" not in "".join(run.record.said("system"))


def test_an_answer_that_reaches_the_limit_is_an_answer(server: ModelServer) -> None:
    server.turns = [Says("Here it is.", usage=(5000, 5000))]

    outcome = llm.run(make_run(server.address, limits={"max_tokens": 1000, "max_iterations": 1}))

    assert (outcome.state, outcome.output) == (Task.State.SUCCEEDED, "Here it is.")


def test_tokens_are_estimated_where_the_server_does_not_count(server: ModelServer) -> None:
    server.turns = [Says("word " * 1000, usage=None)]
    run = make_run(server.address)

    llm.run(run)

    ((given, made, _cost),) = run.record.usages
    assert given > 10
    assert 1000 < made < 2000


def test_the_price_of_anthropic_whose_address_goes_without_saying() -> None:
    run = make_run("", provider=Provider("anthropic", "", KEY), model="claude-sonnet-4-5")

    assert cost(run, RequestUsage(input_tokens=1000, output_tokens=1000)) == 18_000


@pytest.mark.filterwarnings("ignore:Failed to extract usage")
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_figures_that_cannot_be(server: ModelServer, kind: str) -> None:
    """A server that counts backwards gets no further, and none fills a column of the database."""
    server.turns = [
        Says("", [Wants("run_shell", {"command": "x"})], usage=(-(10**9), -(10**9))),
        Says("Done.", usage=(10**15, 10**15)),
    ]
    run = make_run(server.address, kind=kind)

    llm.run(run)

    (backwards, far) = run.record.usages
    assert backwards[0] > 0
    assert backwards[1] > 0
    assert far == (100_000_000, 100_000_000, 0)


def test_a_model_without_a_price_is_said_to_have_none_once(server: ModelServer) -> None:
    server.turns = [*steps(2), Says("Done.")]
    run = make_run(server.address)

    llm.run(run)

    assert run.record.said("system") == [
        "No price is known for the model some-model: it counts as free."
    ]
    assert [cost for _, _, cost in run.record.usages] == [0, 0, 0]
