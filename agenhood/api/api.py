"""The API itself: its document, its errors and its routers."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from agenhood.api.access import TokenAuth
from agenhood.api.problems import PROBLEM, Invalid, Refused, problem
from agenhood.api.routes import ROUTERS
from agenhood.fleet.actions.agent import AgentRefused
from agenhood.fleet.actions.approval import ApprovalRefused
from agenhood.fleet.actions.credential import CredentialRefused
from agenhood.fleet.actions.history import HistoryRefused
from agenhood.fleet.actions.project import ProjectRefused
from agenhood.fleet.actions.prompt import PromptRefused
from agenhood.fleet.actions.task import TaskRefused
from workspaces.exports import ExportRefused

# What the actions raise instead of doing what was asked; the message is for the one who asked.
REFUSALS: tuple[type[Exception], ...] = (
    ProjectRefused,
    AgentRefused,
    CredentialRefused,
    HistoryRefused,
    PromptRefused,
    TaskRefused,
    ApprovalRefused,
    ExportRefused,
)

logger = logging.getLogger(__name__)

DESCRIPTION = """\
Programs use this API to do what people do on the console's pages.

Each request carries a token, which belongs to one workspace. A request is allowed if the token's
scopes include the permission, and if the role of its person or service account has it at that
moment.

Errors are sent as `application/problem+json`. A create that is sent with an `Idempotency-Key` is
done only once, even if it is sent again within a day.
"""


class Api(NinjaAPI):
    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """Return the document, in which errors have the media type that they are sent with."""
        schema = super().get_openapi_schema(**kwargs)
        for path in schema["paths"].values():
            for operation in path.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        answer["content"] = {PROBLEM: answer["content"]["application/json"]}
        return schema


api = Api(
    title="Agenhood",
    version="1",
    description=DESCRIPTION,
    auth=TokenAuth(),
    docs_url=None,  # our own page: Swagger's does not work under the console's policy
    openapi_url=None,  # ours, too: it is read only, whatever the method
    urls_namespace="api",
)
for prefix, router in ROUTERS:
    api.add_router(prefix, router)


@api.exception_handler(Invalid)
def _invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return problem(request, 422, "Some fields are not right.", error.errors)


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return problem(request, error.status, error.detail)


def _refused_by_an_action(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(request, 409, str(error))


for _kind in REFUSALS:
    api.add_exception_handler(_kind, _refused_by_an_action)


@api.exception_handler(ValidationError)
def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors: dict[str, list[str]] = {}
    for one in error.errors:
        # ("body", "payload", "name") → "name"; our operations name their arguments, clients do not.
        place = [str(part) for part in one["loc"][1:] if part not in ("payload", "query")]
        errors.setdefault(".".join(place), []).append(one["msg"])
    return problem(request, 422, "Some fields are not right.", errors)


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(request, error.status_code, str(error))


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return problem(request, 401)


@api.exception_handler(PermissionDenied)
def _denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return problem(request, 403, str(error))


@api.exception_handler(Http404)
def _absent(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(request, 404)


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem(request, 413)


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> Any:
    logger.error("Failed: %s %s", request.method, request.path, exc_info=error)
    return problem(request, 500)
