"""What makes a request under /api/v1/ one of a token: before sessions, cookies and pages."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from agenhood.api.idempotency import claim, keep
from agenhood.api.models import IdempotentRequest
from agenhood.api.problems import PROBLEM, Refused, problem
from agenhood.api.rate_limit import RateLimit
from agenhood.api.refusals import record_refused_operation
from agenhood.api.streaming import hold_to_token
from workspaces.audit import acting
from workspaces.tokens import TokenRefused, token_scope

PREFIX = "/api/v1/"
# Of the API's own addresses those that need no token: they tell of no workspace.
PUBLIC = {PREFIX + "openapi.json", PREFIX + "docs"}
LIMIT = RateLimit(per_second=10, burst=100)


class ApiMiddleware:
    """Enters the scope of the token's workspace for the whole answer; an error undoes all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX) or request.path_info in PUBLIC:
            return self.get_response(request)
        request.COOKIES.clear()  # a browser's session has no say here
        request.sensitive_post_parameters = "__ALL__"  # nor does a report show what was sent
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return _no_token(request)
        try:
            with token_scope(text.strip(), request) as scope:
                request.holder = scope.holder
                request.person = scope.holder.user
                response = self._answer(request)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except TokenRefused:
            return _no_token(request)
        if response.status_code == 403:
            with acting(request.holder.actor(request)):
                record_refused_operation(request)
        if isinstance(response, StreamingHttpResponse):
            hold_to_token(request, text.strip(), response)
        if response.status_code >= 400 and response["Content-Type"] != PROBLEM:
            return problem(request, response.status_code)  # a page: no such route, or method
        return response

    def _answer(self, request: Any) -> HttpResponseBase:
        if wait := LIMIT.wait(request.holder.token_id):
            detail = f"Ask again in {wait} s."
            return problem(request, 429, detail, headers={"Retry-After": wait})
        try:
            # A suspended workspace can be read only, and refuses every create.
            suspended = request.holder.workspace.is_suspended
            claimed = None if suspended else claim(request, request.holder.token_id)
        except RequestDataTooBig:
            return problem(request, 413)
        except Refused as refused:
            return problem(request, refused.status, refused.detail)
        if isinstance(claimed, HttpResponse):
            request.replay = claimed  # once the operation has asked whether the token may, still
        response = self.get_response(request)
        if isinstance(claimed, IdempotentRequest) and response.status_code < 400:
            keep(claimed, response)  # type: ignore[arg-type]
        return response


def _no_token(request: HttpRequest) -> HttpResponse:
    """One answer whatever is wrong with it."""
    return problem(
        request,
        401,
        "Send a token that is valid: Authorization: Bearer agh_…",
        headers={"WWW-Authenticate": "Bearer"},
    )
