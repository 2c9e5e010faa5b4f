"""Where a model is called: from an agent's provider to a model of pydantic-ai.

Nothing of the worker's environment goes along: no proxy, no key, organisation or header that
stands there for other programs. Redirects are not followed, packed answers not unpacked. Retries
are ours: see asking.py.
"""

import ssl
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx2
import pydantic_ai
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from agenhood.runtime.drivers.llm.addresses import refuse_metadata
from agenhood.runtime.drivers.llm.failures import Ended
from agenhood.runtime.run import Provider

pydantic_ai.BANNER_ENABLED = False

ANTHROPIC_URL = "https://api.anthropic.com"
CONNECT_SECONDS = 10
# Between two pieces of an answer. A local server may load its model first.
SILENCE_SECONDS = 300
MOST_BYTES = 32_000_000  # of one answer


def http_client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
        timeout=_timeout(),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_guard]},
    )


def address(provider: Provider) -> str:
    return provider.base_url or ANTHROPIC_URL


def model_at(provider: Provider | None, name: str, http: httpx2.AsyncClient) -> Model:
    """Return the model. Raises Ended where the agent is not set up to have one."""
    if not name:
        raise Ended("The agent has no model: choose one in its settings.")
    if provider is None:
        raise Ended("The agent has no credential of a model's provider: choose one.")
    refuse_metadata(address(provider))
    if provider.kind == "anthropic":
        return _anthropic(provider, name, http)
    return _openai(provider, name, http)


@cache
def _tls() -> ssl.SSLContext:
    """Read the certificates of authorities once, not for each task."""
    return httpx2.create_ssl_context(trust_env=False)


async def _guard(response: httpx2.Response) -> None:
    """Keep a server from filling the memory of the worker."""
    response.headers.pop("content-encoding", None)  # none was asked for
    response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self.stream:
            size += len(piece)
            if size > MOST_BYTES:
                raise httpx2.ReadError("the answer is too long")
            yield piece

    async def aclose(self) -> None:
        await self.stream.aclose()


def _openai(provider: Provider, name: str, http: httpx2.AsyncClient) -> Model:
    client = AsyncOpenAI(
        api_key=provider.key or "none",  # the library wants one; servers of one's own need none
        base_url=provider.base_url,
        timeout=_timeout(),
        max_retries=0,
        http_client=http,
    )
    client.organization = client.project = None
    client._custom_headers = {}
    # Half an answer looks like a whole one where a server closes a stream without a word. All that
    # speak this protocol say at the end why they ended.
    profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
    compatible = OpenAICompatibleProvider("openai", openai_client=client, profile=profile)
    return OpenAIChatModel(name, provider=compatible)


def _anthropic(provider: Provider, name: str, http: httpx2.AsyncClient) -> Model:
    if not provider.key:
        raise Ended("The credential of the model's provider holds no key.")
    client = AsyncAnthropic(
        api_key=provider.key,
        base_url=address(provider),
        timeout=_timeout(),
        max_retries=0,
        http_client=http,
    )
    client._custom_headers = {}
    # What was sent before is sent again each time, for a tenth of its price if it is cached.
    caching = ModelSettings(cache=True)
    return AnthropicModel(
        name, provider=AnthropicProvider(anthropic_client=client), settings=caching
    )


def _timeout() -> httpx2.Timeout:
    return httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS, write=60, pool=CONNECT_SECONDS)
