"""Asking again, every few seconds and for all watchers at once, whether each of them still may.

Two statements, however many they are. Whoever may not any more is told why, and their stream ends;
when they come back, admission answers them.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import User
from agenhood.live.admission import Standing
from agenhood.live.hub import Hub
from agenhood.live.threads import in_thread
from workspaces.models import Membership
from workspaces.permissions import holds
from workspaces.roles import Role
from workspaces.scope import platform_scope

log = logging.getLogger("agenhood.live")

SIGNED_OUT, NO_ACCESS, SUSPENDED = "signed_out", "no_access", "suspended"
UNKNOWN = "unknown"  # the database gave no answer, and nobody watches on trust


async def look_after(hub: Hub, every_seconds: float) -> None:
    """End the streams of those who may not watch any more, for ever."""
    while True:
        await asyncio.sleep(every_seconds)
        watchers = list(hub.watchers)
        if not watchers:
            continue
        try:
            reasons = await _reasons([watcher.standing for watcher in watchers])
        except (InterfaceError, OperationalError) as error:
            log.warning("who may watch could not be asked: %s", type(error).__name__)
            hub.end_all(UNKNOWN)
            continue
        for watcher, reason in zip(watchers, reasons, strict=True):
            if reason:
                watcher.end(reason)


async def _reasons(standings: Sequence[Any]) -> list[str]:
    try:
        return await in_thread(reasons_to_end, standings, pool="watch")
    except (InterfaceError, OperationalError):  # of a connection that had died: another one's turn
        return await in_thread(reasons_to_end, standings, pool="watch")


def reasons_to_end(standings: Sequence[Standing]) -> list[str]:
    """Return for each why its stream is to end, "" if it is not."""
    sessions = _sessions({standing.session_key for standing in standings})
    members = _members({standing.user_id for standing in standings})
    return [
        _reason(
            standing,
            sessions.get(standing.session_key),
            members.get((standing.workspace_id, standing.user_id)),
        )
        for standing in standings
    ]


def _sessions(keys: Iterable[str]) -> dict[str, str]:
    """Return what is stored of each session that there still is, as it is stored."""
    rows = SessionStore.get_model_class().objects.filter(
        session_key__in=list(keys), expire_date__gt=timezone.now()
    )
    return dict(rows.values_list("session_key", "session_data"))


class Member(NamedTuple):
    """What of a membership says whether somebody may watch. No model: of a thousand these take a
    tenth of the time, in which nothing else of this process goes on."""

    workspace_id: UUID
    user_id: UUID
    role: str
    is_active: bool
    password: str
    has_second_factor: bool
    requires_second_factor: bool
    suspended_at: datetime | None


READ = [
    *("workspace_id", "user_id", "role"),
    *("user__is_active", "user__password", "user__has_second_factor"),
    *("workspace__requires_second_factor", "workspace__suspended_at"),
]


def _members(people: Iterable[UUID]) -> dict[tuple[UUID, UUID], Member]:
    with platform_scope("ask again who may watch"):
        rows = Membership.objects.filter(user__in=list(people)).values_list(*READ)
        members = (Member(*row) for row in rows)
        return {(member.workspace_id, member.user_id): member for member in members}


def _reason(standing: Standing, session: str | None, member: Member | None) -> str:
    if session is None:
        return SIGNED_OUT
    if member is None:
        return NO_ACCESS
    if not member.is_active or not _is_theirs(standing, session, member):
        return SIGNED_OUT
    if member.requires_second_factor and not member.has_second_factor:
        return NO_ACCESS
    if not holds(Role(member.role), standing.permission):
        return NO_ACCESS
    return SUSPENDED if member.suspended_at is not None else ""


def _is_theirs(standing: Standing, session: str, member: Member) -> bool:
    """Whether it is still this person's session, begun with the password that they have now."""
    seen = hash((session, member.password))
    if seen == standing.verified:
        return True
    stored = SessionStore().decode(session)
    if stored.get(SESSION_KEY) != str(member.user_id):
        return False
    now = User(password=member.password).get_session_auth_hash()
    if not constant_time_compare(stored.get(HASH_SESSION_KEY, ""), now):
        return False
    standing.verified = seen
    return True
