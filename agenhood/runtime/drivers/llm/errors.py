"""What went wrong at the provider, in words, and whether it may pass by itself.

The words hold neither the key nor the address, which not everybody who reads them may know, and
of the provider's own words only a line where that helps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelTimeoutError,
)

from agenhood.fleet.hostile import one_line
from agenhood.runtime.drivers.llm.plain import plain

PROVIDER_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """`retry_after` is how many seconds the provider asks to wait, 0 if it does not say."""

    words: str
    is_passing: bool
    retry_after: float = 0


def failure(
    error: ModelAPIError, *, key: str, cut: Callable[[str, int], tuple[str, str]]
) -> Failure:
    """Read what the model's library raised. `cut` is a recorder's."""
    status = f" (HTTP {error.status_code})" if isinstance(error, ModelHTTPError) else ""
    said = _said(error, key, cut)
    if isinstance(error, ModelAuthenticationError):
        return _lasting(
            f"The provider does not accept the agent's credential{status}: it may be wrong, expired"
            " or not allowed to use this model."
        )
    if isinstance(error, ModelNotFoundError):
        return _lasting(f"The provider knows no such model, or has another address{status}.{said}")
    if isinstance(error, ModelContextWindowExceededError):
        return _lasting(f"The conversation is longer than the model can read{status}.{said}")
    if isinstance(error, ModelQuotaExceededError):
        return _lasting(f"The account at the provider has nothing left to spend{status}.{said}")
    if isinstance(error, ModelRequestRejectedError):
        return _lasting(f"The provider refused the request{status}.{said}")
    if 300 <= getattr(error.__cause__, "status_code", 0) < 400:
        return _lasting("The provider has another address, to which it leads. None is followed.")
    retry_after = error.retry_after or 0
    if isinstance(error, ModelRateLimitError):
        return Failure(f"The provider takes no more requests for now{status}.", True, retry_after)
    if isinstance(error, ModelTimeoutError):
        return Failure("The provider did not answer in time.", True)
    if isinstance(error, ModelConnectionError):
        if error.phase in ("pool", "connect"):
            return Failure("The provider could not be reached.", True)
        return Failure("The connection to the provider broke off.", True)
    if isinstance(error, ModelHTTPError):
        is_passing = error.status_code >= 500 or error.status_code in (408, 409, 425, 429)
        return Failure(f"The provider failed{status}.{said}", is_passing, retry_after)
    return Failure("The provider's answer broke off, or was none that a model gives.", True)


def _lasting(words: str) -> Failure:
    return Failure(words, is_passing=False)


def _said(error: ModelAPIError, key: str, cut: Callable[[str, int], tuple[str, str]]) -> str:
    """Return the provider's own words as " It says: …", or "" where it has none of the usual
    form: a page of some other server is nobody's message."""
    body = error.body
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping | str):
        body = body["error"]
    message = body.get("message") if isinstance(body, Mapping) else body
    if not isinstance(message, str) or "<" in message[:200]:
        return ""
    line = one_line(plain(message))
    if key:
        line = line.replace(key, "[key]")
    return f" It says: {cut(line, PROVIDER_CHARACTERS)[0]}" if line else ""
