"""What requests to models cost, in millionths of a US dollar.

A workspace's own prices come first. Else it is the provider's list price as the package
genai-prices knows it (https://github.com/pydantic/genai-prices): the data that came with the
version pinned in requirements.txt, from which nothing is fetched. A price belongs to a provider's
address and a model's name: a model of one's own server has none, whatever it is called.
"""

from collections.abc import Mapping
from typing import Any

from genai_prices import calc_price

Price = tuple[int, int]  # of input and output, in micros for a million tokens


def cost_micros(model: str, usage: Any, *, prices: Mapping[str, Price], address: str) -> int | None:
    """Return what a request cost, rounded up, or None where no price is known.

    `usage` is pydantic-ai's: all input tokens, and how many of them came from the provider's
    cache, which list prices tell apart and a workspace's own do not. `address` is the provider's.
    """
    if model in prices:
        for_input, for_output = prices[model]
        micros = usage.input_tokens * for_input + usage.output_tokens * for_output
        return -(-micros // 1_000_000)
    try:
        price = calc_price(usage, model, provider_api_url=address)
    except (LookupError, ValueError):
        return None
    return int(-(-price.total_price * 1_000_000 // 1))
