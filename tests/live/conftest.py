"""Streams over real HTTP, from the server that `make run` starts."""

import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Event, Task
from agenhood.launcher import serve
from tests.factories import MembershipFactory, TaskFactory
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import workspace_scope

HERE = Path(__file__).resolve().parent
# As long as a loaded machine may take; a passing test waits for none of it.
WAIT_SECONDS = 20
PER_PERSON = 4
OPTIONS = {
    "AGENHOOD_DATABASE_POOL": "5",
    "AGENHOOD_LIVE_RECHECK_SECONDS": "0.1",
    "AGENHOOD_LIVE_PER_PERSON": str(PER_PERSON),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs them all, with one server."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("live"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def port(django_db_setup: None) -> Iterator[int]:
    chosen = free_port()
    with serve.server(os.environ | OPTIONS, chosen):
        yield chosen


@dataclass(frozen=True)
class Told:
    """One event of a stream. `number` is None for what has none."""

    name: str
    number: int | None
    data: Any


class Stream:
    """A stream as a browser reads it, without coming back by itself."""

    def __init__(self, port: int, path: str, headers: dict[str, str], method: str = "GET") -> None:
        self.connection = http.client.HTTPConnection(serve.HOST, port, timeout=WAIT_SECONDS)
        self.connection.request(method, path, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def next(self) -> Told | None:
        """Return the next event, None at the end."""
        fields: dict[str, str] = {}
        while line := self.response.readline():
            name, colon, value = line.decode().rstrip("\n").partition(": ")
            if name and colon and name != "":
                fields[name] = value
            elif not line.strip() and "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                return Told(fields["event"], number, json.loads(fields["data"]))
            elif not line.strip():
                fields = {}
        return None

    def until(self, is_last: Callable[[Told], bool]) -> list[Told]:
        """Return all events up to one; fail if the stream ends before."""
        found = []
        while told := self.next():
            found.append(told)
            if is_last(told):
                return found
        raise AssertionError(f"the stream ended: {found[-3:]}")

    def steps_until(self, number: int) -> list[int | None]:
        """Return the numbers of the events up to this one."""
        told = self.until(lambda one: one.number == number)
        return [one.number for one in told if one.name == "step"]

    def first(self, name: str) -> Told:
        return self.until(lambda told: told.name == name)[-1]

    def close(self) -> None:
        self.response.close()
        self.connection.close()


@dataclass
class Desk:
    """Opens streams as somebody, and writes what they watch."""

    port: int
    opened: ExitStack

    def open(
        self,
        user: User | Client | None,
        path: str,
        *,
        port: int = 0,
        method: str = "GET",
        **headers: str,
    ) -> Stream:
        client = user if isinstance(user, Client) else signed_in(user)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key := client.cookies.get("sessionid"):
            named["Cookie"] = f"sessionid={key.value}"
        stream = Stream(port or self.port, path, named, method)
        self.opened.callback(stream.close)
        return stream

    def watch(self, member: Membership, task: Task, query: str = "", **options: Any) -> Stream:
        path = f"/w/{member.workspace.slug}/stream/?task={task.pk}{query}"
        return self.open(member.user, path, **options)


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def say(task: Task, *texts: str) -> None:
    """Have a task say something, in one batch."""
    with workspace_scope(task.workspace_id):
        history.append_events(task, [NewEvent(Event.Kind.MESSAGE, text) for text in texts])


@pytest.fixture
def desk(committed_db: None, port: int) -> Iterator[Desk]:
    with ExitStack() as opened:
        yield Desk(port, opened)


@pytest.fixture
def viewer(committed_db: None) -> Membership:
    return MembershipFactory(role=Role.VIEWER)


@pytest.fixture
def task(viewer: Membership) -> Task:
    return TaskFactory(workspace=viewer.workspace, state="running", started_at="2026-01-01T00:00Z")
