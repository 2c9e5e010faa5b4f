"""Where the isolation state machine plays: three workspaces, who is in them, and what they hold."""

import asyncio
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client
from uuid_utils.compat import uuid7

from accounts.models import User
from tests import postgres
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope

T = TypeVar("T")

WORKSPACES = ["alder", "birch", "cedar"]
ROLES = {
    "ann": {"alder": Role.OWNER, "birch": Role.VIEWER},
    "ben": {"alder": Role.OPERATOR},
    "cleo": {"alder": Role.AUDITOR},
    "dora": {"birch": Role.ADMIN},
    "egon": {"cedar": Role.OPERATOR},
    "fay": {"cedar": Role.VIEWER},
    "outsider": {},
}
READERS = {Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER}
EDITORS = {Role.OWNER, Role.ADMIN, Role.OPERATOR}

# What an operation runs on: this thread's connection, another thread's, or a task's.
HERE, THREAD, TASK = "here", "thread", "task"


@dataclass(frozen=True)
class Row:
    name: str
    archived: bool = False


class Holdings:
    """The model: what each workspace holds, and whose every id has ever been."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[UUID, Row]] = {name: {} for name in WORKSPACES}
        self.owner_of: dict[UUID, str] = {}
        self._made = 0

    def put(self, workspace: str, pk: UUID, row: Row) -> None:
        assert self.owner_of.setdefault(pk, workspace) == workspace
        self.rows[workspace][pk] = row

    def fresh_name(self, workspace: str) -> str:
        """Return a name that no project has, and that says whose it is wherever it turns up."""
        self._made += 1
        return f"secret-of-{workspace}-{self._made}"

    def has_name(self, workspace: str, name: str) -> bool:
        return any(row.name.lower() == name.lower() for row in self.rows[workspace].values())

    def nth(self, workspace: str, number: int) -> UUID:
        """Return the id of one of the workspace's rows, or one that nothing has."""
        ids = list(self.rows[workspace])
        return ids[number % len(ids)] if ids else uuid7()


def marked(text: str) -> set[str]:
    """Return the workspaces whose projects' names stand in the text."""
    return set(re.findall(r"secret-of-([a-z]+)-", text))


class World:
    """The three workspaces in the database, a signed-in browser for each person, the threads that
    operations run in, and a way past row security to see what is really there."""

    def __init__(self) -> None:
        self.workspaces: dict[str, Workspace] = {
            name: WorkspaceFactory(name=name.title(), slug=name) for name in WORKSPACES
        }
        self.ids = {name: workspace.pk for name, workspace in self.workspaces.items()}
        self.people: dict[str, User] = {
            name: UserFactory(email=f"{name}@example.test", name=name) for name in ROLES
        }
        self.clients: dict[str, Client] = {}
        for name, roles in ROLES.items():
            for slug, role in roles.items():
                MembershipFactory(
                    workspace=self.workspaces[slug], user=self.people[name], role=role
                )
            self.clients[name] = Client()
            self.clients[name].force_login(self.people[name])
        self.threads = ThreadPoolExecutor(len(WORKSPACES))
        self.superuser: psycopg.Connection[Any] = postgres.superuser()
        self.control = self.stored_control()

    def close(self) -> None:
        self.superuser.close()
        self.threads.shutdown()

    def empty(self) -> None:
        self.superuser.execute("DELETE FROM fleet_project")

    def seed(self, workspace: str, pk: UUID, row: Row) -> None:
        self.superuser.execute(
            "INSERT INTO fleet_project (id, workspace_id, name, created_at, archived_at)"
            " VALUES (%s, %s, %s, now(), CASE WHEN %s THEN now() END)",
            [pk, self.ids[workspace], row.name, row.archived],
        )

    def stored(self) -> dict[str, dict[UUID, Row]]:
        """Return what every workspace really holds."""
        names = {pk: name for name, pk in self.ids.items()}
        found: dict[str, dict[UUID, Row]] = {name: {} for name in WORKSPACES}
        for workspace, pk, name, archived in self.superuser.execute(
            "SELECT workspace_id, id, name, archived_at IS NOT NULL FROM fleet_project"
        ):
            found[names[workspace]][pk] = Row(name, archived)
        return found

    def stored_control(self) -> list[Any]:
        """Return workspaces and memberships, which no operation here may change."""
        return self.superuser.execute(
            "SELECT w::text FROM workspaces_workspace AS w"
            " UNION ALL SELECT m::text FROM workspaces_membership AS m ORDER BY 1"
        ).fetchall()

    def inside(self, workspace: str, via: str, operation: Callable[[], T]) -> T:
        """Run an operation in the workspace's scope, and return what it returns."""
        pk = self.ids[workspace]
        if via == TASK:
            return asyncio.run(_in_task(pk, operation))
        if via == THREAD:
            return self.threads.submit(_in_own_thread, pk, operation).result()
        return _in_scope(pk, operation)

    def apart(self, via: str, operation: Callable[[], T]) -> T:
        """Run an operation that enters its scopes itself, if any."""
        if via == TASK:
            return asyncio.run(_outside(operation))
        if via == THREAD:
            return self.threads.submit(_closing, operation).result()
        return operation()

    def at_once(self, operations: Iterable[Callable[[], T]]) -> list[T]:
        """Run operations side by side, each in a thread with a connection of its own."""
        running = [self.threads.submit(_closing, operation) for operation in operations]
        return [each.result() for each in running]


def _in_scope(workspace_id: UUID, operation: Callable[[], T]) -> T:
    with workspace_scope(workspace_id):
        return operation()


def _in_own_thread(workspace_id: UUID, operation: Callable[[], T]) -> T:
    return _closing(lambda: _in_scope(workspace_id, operation))


def _closing(operation: Callable[[], T]) -> T:
    try:
        return operation()
    finally:
        connections.close_all()


async def _in_task(workspace_id: UUID, operation: Callable[[], T]) -> T:
    try:
        async with workspace_scope(workspace_id):
            return await sync_to_async(operation)()
    finally:
        await sync_to_async(connections.close_all)()


async def _outside(operation: Callable[[], T]) -> T:
    return await sync_to_async(_closing)(operation)
