"""Who asks: a token, and what it may."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja.security import HttpBearer

from accounts.models import User
from workspaces.tokens import TokenHolder

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class ApiRequest(HttpRequest):
    """A request whose token the middleware has checked, inside the scope of its workspace."""

    holder: TokenHolder
    person: User


class TokenAuth(HttpBearer):
    """Says in the OpenAPI document how to ask; the middleware has entered the scope by then."""

    openapi_description = "A token of the workspace: agh_…"

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        return getattr(request, "holder", None)


def allowed(permission: StrEnum) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only tokens with `permission` run an operation: in their scopes, and held by whom they
    act for, now."""

    def decorate(operation: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(operation)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            request.operation, request.permission = operation.__name__, permission
            if refusal := _refusal(request, permission):
                deny(request, refusal)
            if (replay := getattr(request, "replay", None)) is not None:
                return replay
            return operation(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # a test asks for it
        return guarded

    return decorate


def person_of(request: Any, otherwise: str) -> User:
    """Return the member whose token asks. A service account stands for nobody: it is refused, in
    the words of `otherwise`, and never taken for the person who made it."""
    if request.holder.membership is None:
        deny(request, otherwise)
    person: User = request.holder.membership.user
    return person


def deny(request: Any, why: str) -> NoReturn:
    """Answer 403, with words that stand on the audit trail as well."""
    request.refusal = why
    raise PermissionDenied(why)


def _refusal(request: Any, permission: StrEnum) -> str:
    if not request.holder.may(permission):
        return f"This token needs {permission}."
    if request.holder.workspace.is_suspended and request.method not in SAFE_METHODS:
        return f"This workspace can be read only. {request.holder.workspace.suspension}"
    return ""
