"""Who acts, as the audit trail will name them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied

from workspaces.scope import PlatformScope, open_scope


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is one of AuditEntry.ActorKind. `label` is for readers, and outlives what it names:
    a person's email, a token's or service account's name. `on_behalf_of` is the person for whom a
    token or a task acts; `session` a hash, which opens nothing."""

    kind: str
    label: str
    id: str = ""
    on_behalf_of: str = ""
    token_prefix: str = ""
    session: str = ""
    ip: str | None = None
    user_agent: str = ""
    request_id: str = ""


_actor: ContextVar[Actor | None] = ContextVar("workspaces.audit.actor", default=None)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Have the trail name `actor` for what the block does."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    """Return who acts here: whom `acting()` says, else the scope's person, else the system."""
    actor = _actor.get()
    if actor is not None:
        return actor
    scope = open_scope()
    user_id = getattr(scope, "user_id", None)
    if user_id is not None:
        user = get_user_model().objects.filter(pk=user_id).first()
        return Actor("person", user.email if user else "somebody who has left", str(user_id))
    return Actor("system", scope.reason if isinstance(scope, PlatformScope) else "system")


def person(request: Any, *, kind: str = "person") -> Actor:
    """Return the signed-in person of a request, with where the request came from."""
    session_key = request.session.session_key or ""
    return Actor(
        kind,
        request.user.email,
        str(request.user.pk),
        session=sha256(session_key.encode()).hexdigest()[:16] if session_key else "",
        **origin(request),
    )


def origin(request: Any) -> dict[str, Any]:
    """Return where a request came from, as Actor's fields: ip, user_agent and request_id."""
    try:
        ip = str(ip_address(get_adapter(request).get_client_ip(request)))
    except (PermissionDenied, ValueError):  # what a proxy of ours said is no address
        ip = None
    return {
        "ip": ip,
        "user_agent": request.META.get("HTTP_USER_AGENT", ""),
        "request_id": getattr(request, "request_id", ""),
    }
