"""Whether a request wants a part of a page."""

from accounts.requests import SignedInRequest


def is_partial(request: SignedInRequest) -> bool:
    htmx = request.htmx
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)
