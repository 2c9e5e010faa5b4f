"""From a token's text to the scope of its workspace, and to what its holder may there."""

import logging
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any
from uuid import UUID

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from workspaces.audit.actor import Actor, acting, origin
from workspaces.models import Membership, Workspace
from workspaces.permissions import holds
from workspaces.roles import Role
from workspaces.scope import (
    CLOSE_CURSORS,
    Scope,
    WorkspaceScope,
    _refuse_generators,
    _ScopedTransaction,
    workspace_scope,
)
from workspaces.tokens.models import ServiceAccount, Token
from workspaces.tokens.text import NotASecret, digest_of, workspace_of

ENTER = "SELECT * FROM workspaces.enter_by_token(%s, %s)"
USE_NOTED_EVERY = timedelta(minutes=1)
NO_WORKSPACE = UUID(int=0)

logger = logging.getLogger(__name__)


class TokenRefused(LookupError):
    """The text opens nothing: why, its holder is not told."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whom a token stands for. Exactly one of `membership` and `service_account` is set.

    `user` is the member, or the person who answers for the service account and may have left;
    whatever is made is entered under that person.
    """

    token_id: UUID
    name: str
    prefix: str
    scopes: frozenset[str]
    workspace: Workspace
    role: Role
    user: User
    membership: Membership | None
    service_account: ServiceAccount | None

    def may(self, permission: StrEnum) -> bool:
        """Whether the owner's role holds the permission now, and the token names it."""
        return permission in self.scopes and holds(self.role, permission)

    def actor(self, request: HttpRequest | None) -> Actor:
        """Return how the audit trail names the holder."""
        came_from = origin(request) if request is not None else {}
        if self.service_account is not None:
            return Actor(
                "service_account",
                self.service_account.name,
                str(self.service_account.pk),
                token_prefix=self.prefix,
                **came_from,
            )
        return Actor(
            "token",
            self.name,
            str(self.token_id),
            on_behalf_of=self.user.email,
            token_prefix=self.prefix,
            **came_from,
        )


class token_scope(_ScopedTransaction):
    """Run a block for the workspace that a token names, as the token's holder.

    One statement looks the token up inside that workspace and enters it; `holder` has the answer.
    A suspended workspace's transaction is read-only. The audit trail names the holder, and where
    `request` came from. `with` only. Raises TokenRefused: for an unknown, expired or revoked token,
    a disabled account, a closed one, or a person who lacks the second factor that the workspace
    requires. All of them, and texts that are no token, take the same statement.
    """

    holder: TokenHolder
    settings = {"agenhood.workspace_id": "", "agenhood.user_id": ""}
    _acting: AbstractContextManager[None]
    _last_used_at: datetime | None

    @sensitive_variables()
    def __init__(self, text: str, request: HttpRequest | None = None) -> None:
        try:
            self._workspace_id = workspace_of(text)
        except NotASecret:
            self._workspace_id = NO_WORKSPACE
        self._digest = digest_of(text)
        self._request = request

    def _is(self, scope: Scope) -> bool:
        return False

    def _apply(self, connection: BaseDatabaseWrapper) -> Scope:
        with connection.cursor() as cursor:
            cursor.execute(ENTER + CLOSE_CURSORS, [self._workspace_id, self._digest])
            row = cursor.fetchone()
            names = [column.name for column in cursor.description]
        if row is None:
            raise TokenRefused
        found = dict(zip(names, row, strict=True))
        self.holder = _holder(connection.alias, found)
        self._last_used_at = found["last_used_at"]
        member = self.holder.membership
        return WorkspaceScope(self._workspace_id, member.user_id if member else None)

    def __enter__(self) -> Any:
        _refuse_generators(sys._getframe(1))
        self._enter()
        self._acting = acting(self.holder.actor(self._request))
        self._acting.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._exit(kind, error, traceback)
        finally:
            self._acting.__exit__(None, None, None)
            self._note_use()

    async def __aenter__(self) -> Any:
        raise TypeError("A token's scope is entered by a plain `with`.")

    def _note_use(self) -> None:
        """Store when the token was last used, at most once a minute, in a transaction of its own:
        what a failed request did is undone, but the token was used. It waits for nobody."""
        now = timezone.now()
        if self._last_used_at is not None and now - self._last_used_at < USE_NOTED_EVERY:
            return
        try:
            with workspace_scope(self._workspace_id):
                rows = Token.objects.filter(pk=self.holder.token_id)
                free = rows.select_for_update(skip_locked=True, no_key=True)
                Token.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(
                    last_used_at=now
                )
        except DatabaseError:
            logger.warning("The last use of a token was not stored.", exc_info=True)


# The columns of `workspaces.enter_by_token()` (migrations/0007_tokens.py) are named
# "<model>__<field>", and "last_used_at" and the like where they are the token's.
def _holder(alias: str, found: dict[str, Any]) -> TokenHolder:
    workspace = _row(alias, Workspace, "workspace", found)
    user = _row(alias, User, "user", found)
    membership = account = None
    if found["service_account__id"] is None:
        membership = _row(alias, Membership, "membership", found)
        membership.workspace, membership.user = workspace, user
    else:
        account = _row(alias, ServiceAccount, "service_account", found)
        account.workspace, account.created_by = workspace, user
    return TokenHolder(
        token_id=found["token_id"],
        name=found["token_name"],
        prefix=found["prefix"],
        scopes=frozenset(found["scopes"]),
        workspace=workspace,
        role=Role((membership or account).role),  # type: ignore[union-attr]
        user=user,
        membership=membership,
        service_account=account,
    )


def _row(alias: str, model: Any, noun: str, found: dict[str, Any]) -> Any:
    """Return a row of the model; fields that the function does not return are loaded when asked
    for."""
    values = {
        name.partition("__")[2]: value
        for name, value in found.items()
        if name.partition("__")[0] == noun
    }
    ordered = [f.attname for f in model._meta.concrete_fields if f.attname in values]
    return model.from_db(alias, ordered, [values[name] for name in ordered])
