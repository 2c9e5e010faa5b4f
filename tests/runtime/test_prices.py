"""What requests cost: the workspace's own prices, list prices, and none."""

import pytest
from pydantic_ai.usage import RequestUsage

from agenhood.runtime.prices import cost_micros

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"
MILLION = RequestUsage(input_tokens=1_000_000, output_tokens=1_000_000)


def test_the_workspace_s_own_price_comes_first() -> None:
    prices = {"gpt-4o": (1_000_000, 2_000_000)}

    assert cost_micros("gpt-4o", MILLION, prices=prices, address=OPENAI) == 3_000_000


def test_it_is_rounded_up() -> None:
    usage = RequestUsage(input_tokens=1, output_tokens=0)

    assert cost_micros("mine", usage, prices={"mine": (1, 0)}, address="http://127.0.0.1/v1") == 1


@pytest.mark.parametrize(
    ("model", "address", "dollars"),
    [
        ("gpt-4o", OPENAI, 12.50),
        ("gpt-4o-2024-08-06", OPENAI, 12.50),
        ("claude-sonnet-4-5", ANTHROPIC, 18.0),
    ],
)
def test_list_prices_of_known_providers(model: str, address: str, dollars: float) -> None:
    usage = RequestUsage(input_tokens=1000, output_tokens=1000)

    assert cost_micros(model, usage, prices={}, address=address) == dollars * 1000


def test_what_came_from_the_provider_s_cache_costs_less() -> None:
    cached = RequestUsage(input_tokens=1000, cache_read_tokens=1000, output_tokens=0)
    fresh = RequestUsage(input_tokens=1000, output_tokens=0)

    costs = [cost_micros("gpt-4o", usage, prices={}, address=OPENAI) for usage in (cached, fresh)]

    assert costs == [1250, 2500]


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("gpt-4o", "http://127.0.0.1:11434/v1"),
        ("gpt-4o", "https://models.example.com/v1"),
        ("no-such-model", OPENAI),
        ("llama3", ""),
    ],
)
def test_no_price_is_known(model: str, address: str) -> None:
    assert cost_micros(model, MILLION, prices={}, address=address) is None
