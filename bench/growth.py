"""What a page costs among 10 workspaces and among 1,000, with 1,000 projects in each."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from accounts.models import User
from agenhood.fleet.models import Project
from bench.browsing import get, sign_in
from bench.connections import open_connection, through
from bench.rows import TRAVELLER
from bench.server import Server
from bench.timing import Measured, interleaved
from workspaces.database.roles import BACKUP
from workspaces.models import Workspace

PAGES = ("list", "search", "detail")
PROJECTS = 1000  # in each workspace


@dataclass(frozen=True, slots=True)
class Visit:
    """One workspace with the session of a person who is a member of all."""

    session_key: str
    paths: dict[str, str]


def measure(server: Server, databases: dict[str, str], *, rounds: int) -> Measured:
    """Compare the same pages in two filled databases, given as label: name, the small one first."""
    console = WSGIHandler()
    things: dict[str, Callable[[], object]] = {}
    for label, database in databases.items():
        connection = open_connection(server.url(database))
        visits = _visits(server, database, connection)
        for page in PAGES:
            things[f"{page}, {label}"] = _visitor(console, connection, visits, page)
    timings = interleaved(things, rounds=rounds)
    few, many = databases
    figures = {
        f"growth_{page}": timings[f"{page}, {many}"].median / timings[f"{page}, {few}"].median
        for page in PAGES
    }
    return Measured(figures, timings)


def _visits(server: Server, database: str, connection: BaseDatabaseWrapper) -> list[Visit]:
    choose = random.Random(1)
    unlimited = open_connection(server.url(database, BACKUP))
    with through(unlimited):
        user = User.objects.get(pk=TRAVELLER)
        workspaces: list[Workspace] = list(QuerySet(Workspace).all())
        visited = [(workspace, _any_project(workspace, choose)) for workspace in workspaces]
    unlimited.close()
    visits = []
    with through(connection):
        for workspace, project in visited:
            start = f"/w/{workspace.slug}/projects/"
            paths = {
                "list": start,
                "search": f"{start}?q=falcon",
                "detail": f"{start}{project.pk}/",
            }
            visits.append(Visit(sign_in(user, workspace.pk), paths))
    return visits


def _any_project(workspace: Workspace, choose: random.Random) -> Project:
    projects: QuerySet[Project] = QuerySet(Project)
    return projects.filter(workspace=workspace).order_by("id")[choose.randrange(PROJECTS)]


def _visitor(
    console: Any, connection: BaseDatabaseWrapper, visits: list[Visit], page: str
) -> Callable[[], object]:
    """Return a function that opens the page in the next of the workspaces."""
    order = list(visits)
    random.Random(page).shuffle(order)
    turns: Iterator[Visit] = itertools.cycle(order)

    def visit() -> bytes:
        turn = next(turns)
        with through(connection):
            return get(console, turn.paths[page], turn.session_key)

    return visit
