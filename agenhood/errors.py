"""Error answers that Django's own views do not give."""

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string

from agenhood.request_id import current_request_id


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is stale or foreign: a page says so; inside a page, htmx loads it anew."""
    response = render(request, "403_csrf.html", status=403)
    if request.headers.get("HX-Request") == "true":
        response["HX-Refresh"] = "true"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Something broke, perhaps what every page's context is made of: it gets the id and no more."""
    context = {"request_id": current_request_id()}
    return HttpResponseServerError(render_to_string("500.html", context))
