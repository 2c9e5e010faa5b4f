"""One id per request: in the log, in the answer's headers and on error pages.

An id that a client sends is not taken over: it would let anybody write into the log.
"""

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponseBase

# An invitation's link, and one that sets a password, open something for whoever reads them.
SECRET_IN_ADDRESS = re.compile(r"(/invitations/open/|/password/reset/key/)[^\s/?]+")

_request_id: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Not taken back: Django logs a refusal after the last middleware. The next request sets it.
        request_id = secrets.token_hex(8)
        _request_id.set(request_id)
        request.request_id = request_id  # type: ignore[attr-defined]  # the audit trail's
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class LogFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _request_id.get()
        if getattr(record, "status_code", 500) < 500 and record.levelno > logging.WARNING:
            # Django's word for a query that it refuses, an admin list's filter for example.
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        if record.levelno < logging.ERROR:
            record.exc_info = None  # a refusal is no fault: one line says it
        message = record.getMessage()
        if SECRET_IN_ADDRESS.search(message):
            record.msg, record.args = SECRET_IN_ADDRESS.sub(r"\1…", message), ()
        return True


def current_request_id() -> str:
    """Return the id of the request that is answered here, "-" outside one."""
    return _request_id.get()


def context(request: HttpRequest) -> dict[str, str]:
    return {"request_id": current_request_id()}
