"""Error answers that Django's own views do not give."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is stale or foreign: a page says so; inside a page, htmx loads it anew."""
    response = render(request, "403_csrf.html", status=403)
    if request.headers.get("HX-Request") == "true":
        response["HX-Refresh"] = "true"
    return response
