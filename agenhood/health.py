"""For the machinery that keeps the console running: is it alive, may it be sent requests."""

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from workspaces.isolation import faults


def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and keeps workspaces apart, else 503, without the reason."""
    try:
        ready = not faults()
    except DatabaseError:
        ready = False
    return HttpResponse(
        "ok\n" if ready else "not ready\n",
        content_type="text/plain",
        status=200 if ready else 503,
    )
