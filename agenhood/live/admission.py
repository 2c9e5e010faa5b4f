"""Who may watch: asked once, before a stream begins. It answers with a status, never a redirect."""

import io
import logging
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest

from agenhood.fleet.models import Task
from agenhood.fleet.permissions import FleetPermission
from agenhood.live.hub import Topic
from workspaces.audit.actor import acting, person
from workspaces.audit.trail import record_denied
from workspaces.middleware import SLUG
from workspaces.scope import NotAMember, SecondFactorMissing, member_scope

log = logging.getLogger("agenhood.live")


class Refused(Exception):
    """The stream does not begin. `words` are its answer's body."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(slots=True)
class Standing:
    """By what somebody watches. `verified` is what of the session and the account was found right
    the last time, so that it is not worked out again while it stays the same."""

    session_key: str
    user_id: UUID
    workspace_id: UUID
    permission: FleetPermission
    verified: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """`task_id` is None for the whole fleet; `after` is the last event that the asker has."""

    slug: str
    task_id: UUID | None
    after: int | None

    @property
    def permission(self) -> FleetPermission:
        if self.task_id is None:
            return FleetPermission.AGENT_VIEW
        return FleetPermission.HISTORY_VIEW


def request_of(scope: dict[str, Any]) -> ASGIRequest:
    """Return the request, which must come from a page of ours. Raises Refused."""
    request = ASGIRequest(scope, io.BytesIO())
    if request.method != "GET":
        raise Refused(405, "A stream is only read.")
    try:
        host = request.get_host()
    except DisallowedHost:
        raise Refused(400, "There is no such host.") from None
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise Refused(403, "A stream is read by https only.")
    origin = request.headers.get("Origin")
    if origin is not None and origin not in settings.CSRF_TRUSTED_ORIGINS:
        named = urlsplit(origin)
        if (named.scheme, named.netloc) != (request.scheme, host):
            raise Refused(403, "A stream is read by the console's own pages only.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "A stream is read by the console's own pages only.")
    return request


def asked(request: ASGIRequest, slug: str) -> Asked:
    """Return what a request asks for. Raises Refused."""
    try:
        if "fleet" in request.GET:
            return Asked(slug, None, None)
        after = _number(request.headers.get("Last-Event-ID") or request.GET.get("after", ""))
        return Asked(slug, UUID(request.GET.get("task", "")), after)
    except SuspiciousOperation:
        raise Refused(400, "This cannot be asked for.") from None
    except ValueError:
        raise Refused(404, "There is nothing here.") from None


def admit(request: ASGIRequest, wanted: Asked) -> tuple[Topic, Standing]:
    """Return what may be watched, and by what. Needs a thread of its own. Raises Refused."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    request.session = SessionStore(key if key and "\0" not in key else None)
    request.user = get_user(request)
    if not request.user.is_authenticated:
        raise Refused(401, "Sign in first.")
    if not SLUG.fullmatch(wanted.slug):
        raise Refused(404, "There is nothing here.")
    request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]  # the audit trail's
    workspace_id = None
    try:
        with member_scope(wanted.slug, request.user.pk) as scope:
            workspace_id = scope.membership.workspace_id
            _refuse_member(scope.membership, wanted)
    except SecondFactorMissing:
        raise Refused(403, "This workspace requires a second factor.") from None
    except NotAMember:
        raise Refused(404, "There is nothing here.") from None
    except Refused as refused:
        if refused.status == 403 and workspace_id is not None:
            _record(request, workspace_id, wanted, refused.words)
        raise
    standing = Standing(key, request.user.pk, workspace_id, wanted.permission)
    return Topic(workspace_id, wanted.task_id), standing


def _refuse_member(membership: Any, wanted: Asked) -> None:
    if not membership.may(wanted.permission):
        raise Refused(403, f"needs {wanted.permission}")
    if membership.workspace.is_suspended:
        raise Refused(403, "The workspace is suspended.")
    if wanted.task_id and not Task.objects.filter(pk=wanted.task_id).exists():
        raise Refused(404, "There is nothing here.")


def _record(request: Any, workspace_id: UUID, wanted: Asked, reason: str) -> None:
    kind, target = ("task", str(wanted.task_id)) if wanted.task_id else ("", "")
    with acting(person(request)):
        record_denied(
            workspace_id, "task.watch" if target else "agent.watch",
            reason=reason, target_kind=kind, target_id=target,
        )  # fmt: skip


def _number(text: str) -> int | None:
    """Return an event's number, None for anything else: the stream begins with what is new."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else None
