"""What the history's pages cost among 10 workspaces and among 1,000, of 10 million events in all.

The list of agents with what their tasks came to, the history, a search and a page of a conversation
of 1,000 events, by a member of all.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from accounts.models import User
from agenhood.fleet.models import Conversation
from bench.browsing import get, sign_in
from bench.connections import open_connection, through
from bench.history_rows import RARE, USUAL
from bench.rows import TRAVELLER
from bench.server import Server
from bench.timing import Measured, interleaved
from workspaces.database.roles import BACKUP
from workspaces.models import Workspace

PAGES = {
    "agents": "growth_agents",
    "history": "growth_history",
    "history_search": "growth_history_search",
    "history_rare": "growth_history_search_rare",
    "conversation": "growth_conversation",
}
VISITED = 10  # workspaces of each database, and two conversations in each


@dataclass(frozen=True, slots=True)
class Visit:
    session_key: str
    paths: dict[str, str]


def measure(server: Server, databases: dict[str, str], *, rounds: int) -> Measured:
    """Compare the same pages in two databases that `bench.history_rows` filled, as label: name.

    The small one, of few workspaces, comes first.
    """
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
        figure: timings[f"{page}, {many}"].median / timings[f"{page}, {few}"].median
        for page, figure in PAGES.items()
    }
    return Measured(figures, timings)


def _visits(server: Server, database: str, connection: BaseDatabaseWrapper) -> list[Visit]:
    choose = random.Random(1)
    unlimited = open_connection(server.url(database, BACKUP))
    with through(unlimited):
        user = User.objects.get(pk=TRAVELLER)
        workspaces: list[Workspace] = list(QuerySet(Workspace).all())
        conversations: QuerySet[Any] = QuerySet(Conversation)
        visited = [
            (workspace, choose.choice(list(conversations.filter(workspace=workspace)[:100])))
            for workspace in choose.sample(workspaces, VISITED)
        ]
    unlimited.close()
    visits = []
    with through(connection):
        for workspace, conversation in visited:
            start = f"/w/{workspace.slug}/"
            paths = {
                "agents": f"{start}agents/",
                "history": f"{start}history/",
                "history_search": f"{start}history/?q={USUAL}",
                "history_rare": f"{start}history/?q={RARE}",
                "conversation": f"{start}conversations/{conversation.pk}/?after=20.0",
            }
            visits.append(Visit(sign_in(user, workspace.pk), paths))
    return visits


def _visitor(
    console: Any, connection: BaseDatabaseWrapper, visits: list[Visit], page: str
) -> Callable[[], object]:
    """Return a function that opens the page in the next of the workspaces."""
    turns: Iterator[Visit] = itertools.cycle(visits)

    def visit() -> bytes:
        turn = next(turns)
        with through(connection):
            return get(console, turn.paths[page], turn.session_key)

    return visit
