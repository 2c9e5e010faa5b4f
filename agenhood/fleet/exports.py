"""What of a fleet can be exported."""

from collections.abc import Iterator
from typing import Any

from django.http import QueryDict

from agenhood.fleet.forms.history import HistoryForm
from agenhood.fleet.models import Task
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from workspaces.exports import register

BATCH = 200  # tasks read at a time, each with its texts


def history_rows(query: QueryDict) -> Iterator[dict[str, Any]]:
    """Yield the tasks that a query string of the history selects, newest first.

    A query that is none selects nothing: more than was asked for would be worse.
    """
    form = HistoryForm(query)
    if not form.is_valid():
        return
    older_than = None
    while batch := form.selection.batch(older_than, BATCH):
        people = creators(batch)
        for task in batch:
            yield _row(task, people[task.created_by_id])
        older_than = batch[-1].pk


def _row(task: Task, person: str) -> dict[str, Any]:
    return {
        "task": str(task.pk),
        "conversation": str(task.conversation_id),
        "title": task.conversation.title,
        "number": task.number,
        "agent": task.agent.name,
        "project": task.project.name,
        "asked_by": person,
        "state": task.state,
        "state_reason": task.state_reason,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "input_tokens": task.input_tokens,
        "output_tokens": task.output_tokens,
        "cost_usd": task.cost_micros / 1_000_000,
        "input": task.input,
        "output": task.output,
    }


register(
    "history",
    label="History",
    permission=FleetPermission.HISTORY_EXPORT,
    rows=history_rows,
    page="fleet:history-list",
)
