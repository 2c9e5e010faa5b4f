"""Errors as RFC 9457 has them: application/problem+json."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Schema

from agenhood.request_id import current_request_id

PROBLEM = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "No valid token",
    403: "Not allowed",
    404: "Nothing here",
    405: "Method not allowed",
    409: "Conflict",
    410: "No longer here",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Something failed here",
}


class Problem(Schema):
    """`errors` maps a field, or "" for the whole, to what is wrong with it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    request_id: str
    errors: dict[str, list[str]] = {}


class Refused(Exception):
    """The request is understood and not done; the message says why, for the one who asked."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Invalid(Exception):
    """What was sent does not pass the form that the pages use. `errors` as in Problem."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("invalid input")
        self.errors = errors


def problem(
    request: HttpRequest,
    status: int,
    detail: str = "",
    errors: dict[str, list[str]] | None = None,
    headers: dict[str, Any] | None = None,
) -> HttpResponse:
    body = Problem(
        title=TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        request_id=current_request_id(),
        errors=errors or {},
    )
    return JsonResponse(body.dict(), status=status, content_type=PROBLEM, headers=headers)
