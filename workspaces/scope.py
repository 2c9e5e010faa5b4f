"""For whom the running code acts: inside a scope, and only there, a workspace's data is in reach.

A scope is one database transaction. Its settings (`agenhood.workspace_id`, `agenhood.user_id`,
`role`) are local to that transaction, so neither a connection pool nor PgBouncer can carry them to
somebody else; row security reads them. The same scope stands in a ContextVar, which managers read.
What enters a scope also closes the cursors that an earlier transaction left open (`WITH HOLD`):
they keep its rows, and ask nobody before they show them.

Four kinds, each a context manager:

    workspace_scope(id)             a workspace's data, for jobs, commands and tests
    member_scope(slug, user_id)     the same, after asking the database for the membership
    person_scope(user_id)           a person's own memberships in all workspaces
    platform_scope(reason)          workspaces, memberships and people, as the platform's role
"""

import asyncio
import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from workspaces.database.roles import PLATFORM

if TYPE_CHECKING:
    from workspaces.models import Membership


class NoActiveWorkspace(LookupError):
    """A workspace's data was asked for outside the scope of a workspace."""


class ScopeConflict(RuntimeError):
    """A scope was entered inside another one, or used where its transaction does not reach."""


class NotAMember(LookupError):
    """There is no such workspace, or the person is no member of it: which, nobody is told."""


class SecondFactorMissing(NotAMember):
    """The workspace requires a second factor of its members, and this one has none."""


@dataclass(frozen=True, slots=True)
class WorkspaceScope:
    workspace_id: UUID
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class PersonScope:
    user_id: UUID


@dataclass(frozen=True, slots=True)
class PlatformScope:
    reason: str


Scope = WorkspaceScope | PersonScope | PlatformScope


@dataclass(eq=False, slots=True)
class _Entered:
    """A scope with the connection whose transaction it is. `open` ends with the transaction: a
    task or a late callback may still hold a copy of the context by then."""

    scope: Scope
    connection: BaseDatabaseWrapper
    open: bool = True


_entered: ContextVar[_Entered | None] = ContextVar("workspaces.scope", default=None)


def current_scope(connection: BaseDatabaseWrapper | None = None) -> WorkspaceScope:
    """Return the workspace scope that is open here.

    Raises NoActiveWorkspace outside one, and ScopeConflict when `connection` is given and is not
    the one whose transaction the scope is (another thread's, another database's).
    """
    entered = _entered.get()
    if entered is None or not entered.open or not isinstance(entered.scope, WorkspaceScope):
        raise NoActiveWorkspace(
            "A workspace's data was asked for outside `workspace_scope()`: enter it first."
        )
    if connection is not None and connection is not entered.connection:
        raise ScopeConflict("This scope's transaction runs on another connection.")
    return entered.scope


def open_scope() -> Scope | None:
    """Return the scope that is open here, of whatever kind, or None."""
    entered = _entered.get()
    return entered.scope if entered is not None and entered.open else None


def platform_is_active() -> bool:
    """Return whether `platform_scope` is open here."""
    return isinstance(open_scope(), PlatformScope)


LastWrite = Callable[[BaseDatabaseWrapper, str], None]

_last_write: LastWrite | None = None


def before_leaving(write: LastWrite) -> None:
    """Have every scope that ends well call `write`, as the last thing inside it.

    It is given the connection, and what its last statement may end with: "; COMMIT" where the
    transaction ends with the scope, which saves waiting for the database once more, else "". What
    it raises ends the scope as if its block had raised it.
    """
    global _last_write
    _last_write = write


class _ScopedTransaction:
    """Opens a transaction, tells it the scope, and takes both back on the way out.

    Entering the scope that is already open is a savepoint in it; entering another one raises
    ScopeConflict. `with` and `async with` both work. A generator cannot hold a scope, because its
    caller would go on in it between two values: see `workspaces.streaming`.
    """

    settings: dict[str, str]
    _own: _Entered | None = None
    _atomic: transaction.Atomic | None = None  # from entering to leaving

    def _apply(self, connection: BaseDatabaseWrapper) -> Scope:
        """Tell the transaction its settings, close what cursors are open, and return the scope that
        the settings stand for."""
        raise NotImplementedError

    def _is(self, scope: Scope) -> bool:
        """Whether `scope`, already open, is the one that this would enter."""
        raise NotImplementedError

    def _enter(self) -> None:
        if self._atomic is not None:
            raise ScopeConflict("This scope is entered already: make a new one for each `with`.")
        connection = connections[DEFAULT_DB_ALIAS]
        outer = _entered.get()
        inside = outer is not None and outer.open
        if outer is not None and outer.open:
            if outer.connection is not connection:
                raise ScopeConflict("This scope's transaction runs on another connection.")
            if not self._is(outer.scope):
                raise ScopeConflict("Another scope is open: leave it before entering this one.")
        elif getattr(connection, "agenhood_scope", None) is not None:
            raise ScopeConflict("Another task's scope is open on this connection.")
        self._connection = connection
        self._own = None
        self._nested = connection.in_atomic_block
        atomic = transaction.atomic()
        atomic.__enter__()
        self._atomic = atomic
        if inside:
            return
        try:
            self._own = _Entered(self._apply(connection), connection)
        except BaseException:
            self._atomic = None
            atomic.__exit__(*sys.exc_info())
            raise
        connection.agenhood_scope = self._own  # type: ignore[attr-defined]
        _entered.set(self._own)

    def _exit(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection, atomic = self._connection, self._atomic
        assert atomic is not None  # noqa: S101 - entered, else there is nothing to leave
        self._atomic = None
        failure = None
        if self._own is not None and kind is None and not connection.needs_rollback:
            try:
                if _last_write is not None:
                    _last_write(connection, "" if self._nested else "; COMMIT")
            except BaseException as raised:
                failure = raised
                kind, error, traceback = type(raised), raised, raised.__traceback__
        try:
            if self._own is not None:
                # Closed before the commit: what runs on commit is no longer in the scope.
                self._own.open = False
                _entered.set(None)
                connection.agenhood_scope = None  # type: ignore[attr-defined]
                if self._nested and kind is None and not connection.needs_rollback:
                    # Local settings end with the outermost transaction, which this is not.
                    set_locally(connection, {name: _UNSET.get(name, "") for name in self.settings})
        finally:
            atomic.__exit__(kind, error, traceback)
        if failure is not None:
            raise failure

    def _leave_if_entered(self) -> None:
        if self._atomic is not None:
            self._exit(asyncio.CancelledError, asyncio.CancelledError(), None)

    def __enter__(self) -> Any:
        _refuse_generators(sys._getframe(1))
        self._enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit(kind, error, traceback)

    async def __aenter__(self) -> Any:
        _refuse_generators(sys._getframe(1))
        try:
            await sync_to_async(self._enter)()
        except asyncio.CancelledError:
            # The thread went on entering and nobody else would leave; this waits its turn there.
            await sync_to_async(self._leave_if_entered)()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await sync_to_async(self._exit)(kind, error, traceback)


class workspace_scope(_ScopedTransaction):
    """Run a block for one workspace: one transaction, whose rows row security limits to it.

    `user_id` is the person on whose behalf the block runs, if any. Raises ScopeConflict inside
    another scope.
    """

    def __init__(self, workspace_id: UUID, *, user_id: UUID | None = None) -> None:
        if not isinstance(workspace_id, UUID):
            raise TypeError(f"a workspace's id is a UUID, not {workspace_id!r}")
        self.scope = WorkspaceScope(workspace_id, user_id)
        self.settings = {
            "agenhood.workspace_id": str(workspace_id),
            "agenhood.user_id": str(user_id or ""),
        }

    def _is(self, scope: Scope) -> bool:
        return scope == self.scope

    def _apply(self, connection: BaseDatabaseWrapper) -> Scope:
        set_locally(connection, self.settings, CLOSE_CURSORS)
        return self.scope


class member_scope(_ScopedTransaction):
    """Run a block for the workspace with this slug, as one of its members.

    One statement asks for the membership and enters the workspace; `membership` holds the answer,
    with its `workspace`. In a suspended workspace the transaction is read-only. Raises NotAMember,
    and of that SecondFactorMissing for a member whose second factor the workspace requires.
    """

    membership: "Membership"
    settings = {"agenhood.workspace_id": "", "agenhood.user_id": ""}

    def __init__(self, slug: str, user_id: UUID) -> None:
        self.slug, self.user_id = slug, user_id

    def _is(self, scope: Scope) -> bool:
        return False

    def _apply(self, connection: BaseDatabaseWrapper) -> Scope:
        from workspaces.models import Membership

        membership = Membership.enter(connection, self.slug, self.user_id)
        if membership is None:
            raise NotAMember(self.slug)
        self.membership = membership
        return WorkspaceScope(membership.workspace_id, self.user_id)


class person_scope(_ScopedTransaction):
    """Run a block for a person, outside any workspace: their own memberships are in reach."""

    def __init__(self, user_id: UUID) -> None:
        self.scope = PersonScope(user_id)
        self.settings = {"agenhood.workspace_id": "", "agenhood.user_id": str(user_id)}

    def _is(self, scope: Scope) -> bool:
        return scope == self.scope

    def _apply(self, connection: BaseDatabaseWrapper) -> Scope:
        set_locally(connection, self.settings, CLOSE_CURSORS)
        return self.scope


class platform_scope(_ScopedTransaction):
    """Run a block as the platform: workspaces, memberships and people, nothing that is inside one.

    `reason` says what for, to the reader of the code and of the log.
    """

    settings = {"role": PLATFORM, "agenhood.workspace_id": "", "agenhood.user_id": ""}

    def __init__(self, reason: str) -> None:
        self.scope = PlatformScope(reason)

    def _is(self, scope: Scope) -> bool:
        return isinstance(scope, PlatformScope)

    def _apply(self, connection: BaseDatabaseWrapper) -> Scope:
        set_locally(connection, self.settings, CLOSE_CURSORS)
        return self.scope


_UNSET = {"role": "none"}  # every other setting is unset by an empty string

# The end of each message that enters a scope, which is thereby not sent for itself.
CLOSE_CURSORS = "; CLOSE ALL"


def set_locally(
    connection: BaseDatabaseWrapper, settings: dict[str, str], ending: str = ""
) -> None:
    """Set server settings until the transaction ends, in one message. Needs a transaction.

    `ending` is what the message ends with: CLOSE_CURSORS, or nothing.
    """
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    values = [part for pair in settings.items() for part in pair]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}{ending}", values)


def _refuse_generators(frame: FrameType) -> None:
    if frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        raise ScopeConflict(
            f"The generator {frame.f_code.co_name} cannot hold a scope: its caller would run in it."
        )
