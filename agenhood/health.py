"""For the machinery that keeps the console running: is it alive, may it be sent requests."""

from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from agenhood.runtime.sandbox.state import state
from workspaces.isolation import faults


class HealthMiddleware:
    """Answers /livez and /readyz under any Host: probes name the machine's address.

    Nothing in the answers is made of the Host. Every other path goes on to where it is checked.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.answers = {"/livez": livez, "/readyz": readyz}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.answers.get(request.path_info)
        return self.get_response(request) if answer is None else answer(request)


def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and keeps workspaces apart, else 503, without the reason.

    A line more says whether agents can run here. Without that the console is ready all the same:
    it shows what was done, and tasks wait for a machine that can.
    """
    try:
        ready = not faults()
    except DatabaseError:
        ready = False
    return HttpResponse(
        f"ok\nsandbox: {_sandbox()}\n" if ready else "not ready\n",
        content_type="text/plain",
        status=200 if ready else 503,
    )


def _sandbox() -> str:
    found = state()
    if found is None:
        return "unknown, no worker has begun here"
    return f"{found.engine}, {'available' if found.is_available else 'unavailable'}"
