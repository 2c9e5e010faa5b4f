"""Error answers that Django's own views do not give."""

from collections.abc import Callable

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseServerError,
)
from django.shortcuts import render
from django.template.loader import render_to_string

from agenhood.api.middleware import PREFIX as API_PREFIX
from agenhood.api.problems import problem
from agenhood.request_id import current_request_id


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is stale or foreign: a page says so; inside a page, htmx loads it anew."""
    response = render(request, "403_csrf.html", status=403)
    if request.headers.get("HX-Request") == "true":
        response["HX-Refresh"] = "true"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Something broke, perhaps what every page's context is made of: it gets the id and no more."""
    if request.path_info.startswith(API_PREFIX):
        return problem(request, 500)
    context = {"request_id": current_request_id()}
    return HttpResponseServerError(render_to_string("500.html", context))


class NotAllowedPageMiddleware:
    """Gives an empty "method not allowed" a page, for a person who opens where a form was sent.

    The innermost, so that the page is made in the workspace's scope like any other.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_bare = isinstance(response, HttpResponseNotAllowed) and not response.content
        is_opened = request.method == "GET" and request.headers.get("HX-Request") != "true"
        if not is_bare or not is_opened or not request.accepts("text/html"):
            return response
        page = render(request, "405.html", status=405)
        page["Allow"] = response["Allow"]
        return page
