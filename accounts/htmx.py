"""Whether a request wants a part of a page."""

from django.http import HttpRequest


def is_partial(request: HttpRequest) -> bool:
    htmx = request.htmx
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)
