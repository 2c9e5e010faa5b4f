"""Telling watchers that something of a task or an agent has changed: ids only, never what it says.

Whoever listens reads the rows in a scope of its own. It is told when the transaction commits.
"""

from django.db import connection

from agenhood.fleet.models import Agent, Task

CHANNEL = "agenhood_live"


def tell(task: Task, last: int | None = None) -> None:
    """Say that a task has events up to number `last`, or, without it, another state."""
    _notify(f"{task.workspace_id}|{task.pk}|{'state' if last is None else last}")


def tell_agent(agent: Agent) -> None:
    """Say that an agent has another state."""
    _notify(f"{agent.workspace_id}|{agent.pk}|agent")


def _notify(payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
