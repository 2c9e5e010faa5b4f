"""A database with agents, the worker that runs their tasks, and the tasks' rows."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from accounts.models import User
from agenhood.fleet.actions import agent as agents
from agenhood.fleet.actions import task as tasks
from agenhood.fleet.configuration import Setup
from agenhood.fleet.models import Agent, Project, Task
from agenhood.launcher.children import child
from bench.connections import open_connection, through
from bench.rows import TRAVELLER, fill
from bench.server import Server, environment
from workspaces.database.roles import BACKUP
from workspaces.models import Workspace
from workspaces.scope import workspace_scope


@dataclass(frozen=True, slots=True)
class Fleet:
    """Workspaces in a database of their own; the traveller operates in each of them."""

    server: Server
    database: str
    connection: BaseDatabaseWrapper  # as the restricted role
    user: User
    workspaces: list[Workspace]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | environment(self.server.url(self.database))

    def inside(self, workspace: Workspace) -> ExitStack:
        """Enter a workspace as the traveller, until the stack that is returned is left."""
        entered = ExitStack()
        entered.enter_context(through(self.connection))
        entered.enter_context(workspace_scope(workspace.pk, user_id=self.user.pk))
        return entered

    def add_agents(
        self, workspace: Workspace, count: int, command: str, *, called: str = "Agent"
    ) -> list[Agent]:
        with self.inside(workspace):
            project = Project.objects.active().first()
            return [
                agents.create(
                    setup=Setup(
                        {
                            "name": f"{called} {number}",
                            "project": project,
                            "driver": Agent.Driver.COMMAND,
                            "command": command,
                        }
                    ),
                    by=self.user,
                )
                for number in range(count)
            ]

    def submit(self, workspace: Workspace, agent: Agent) -> Task:
        with self.inside(workspace):
            return tasks.submit(agent, "Do it.", by=self.user)

    @contextmanager
    def workers(self, count: int) -> Iterator[None]:
        with ExitStack() as opened:
            for _ in range(count):
                opened.enter_context(
                    child([sys.executable, "manage.py", "worker"], self.environment)
                )
            yield


def make_fleet(server: Server, database: str, *, workspaces: int) -> Fleet:
    server.make_database(database)
    with server.superuser(database) as connection:
        fill(connection, workspaces=workspaces, projects=28)
    with through(open_connection(server.url(database, BACKUP))):
        user = User.objects.get(pk=TRAVELLER)
        found: list[Workspace] = list(QuerySet(Workspace).order_by("pk"))
    return Fleet(server, database, open_connection(server.url(database)), user, found)


def wait_until_ended(connection: Any, ids: Iterable[Any], *, within_seconds: float) -> None:
    """Wait for tasks, asked for past row security. Raises RuntimeError when they do not end."""
    wanted = list(ids)
    deadline = time.monotonic() + within_seconds
    while True:
        (left,) = connection.execute(
            "SELECT count(*) FROM fleet_task WHERE id = ANY(%s) AND finished_at IS NULL", [wanted]
        ).fetchone()
        if left == 0:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} of {len(wanted)} tasks did not end")
        time.sleep(0.01 if len(wanted) == 1 else 0.1)  # asked by a connection of its own, seldom
