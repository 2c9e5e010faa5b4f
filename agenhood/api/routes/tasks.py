from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, position
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import task as actions
from agenhood.fleet.forms.history import HistoryForm
from agenhood.fleet.forms.task import TaskForm
from agenhood.fleet.models import Agent, Conversation, Task
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Tasks"])


class TaskOut(Schema):
    """`cost_micros` is in millionths of a US dollar; `retry_of` is the number, in the conversation,
    of the task that this one tries again."""

    id: UUID
    conversation_id: UUID
    agent_id: UUID
    project_id: UUID
    number: int
    state: str
    state_reason: str
    agent_revision: int
    attempt: int
    retry_of: int | None
    schedule_id: UUID | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    input_tokens: int
    output_tokens: int
    cost_micros: int


class TaskWhole(TaskOut):
    input: str
    output: str


class TaskIn(Schema):
    """A task begins a conversation, unless it names one with this agent to go on with."""

    agent: UUID
    text: str = Field(min_length=1, max_length=100_000)
    conversation: UUID | None = None


class Retry(Schema):
    """Without `text` the task's own is sent again."""

    text: str | None = Field(None, min_length=1, max_length=100_000)


class EventOut(Schema):
    number: int
    kind: str
    text: str
    data: dict[str, Any]
    created_at: datetime


class Filters(Schema):
    """What the history's page filters by. `q` is searched for as there; days are UTC's."""

    q: str = Field("", max_length=200)
    agent: UUID | None = None
    project: UUID | None = None
    person: UUID | None = None
    state: list[str] = []
    since: date | None = None
    until: date | None = None

    def query(self) -> QueryDict:
        names = {"since": "from", "until": "to"}
        asked = [(names.get(name, name), value) for name, value in self.dict().items() if value]
        return QueryDict(urlencode(asked, doseq=True))


class FirstEvents(Schema):
    """Events come in their order: `cursor` is the number of the last one that one has."""

    limit: int = Field(25, ge=1, le=100)
    cursor: int = Field(0, ge=0, le=2**31 - 1)


@router.get("", response={200: Listed[TaskOut]} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def list_tasks(
    request: ApiRequest, cursor: Query[Cursor], filters: Query[Filters]
) -> dict[str, Any]:
    selection = checked(HistoryForm(filters.query())).selection
    older_than = position(cursor.cursor) if cursor.cursor else None
    found = selection.batch(older_than, cursor.limit + 1)
    more, found = len(found) > cursor.limit, found[: cursor.limit]
    return {"items": found, "next_cursor": str(found[-1].pk) if more else None}


@router.post("", response={201: TaskWhole} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.TASK_RUN)
def create_task(request: ApiRequest, payload: TaskIn) -> Status[Task]:
    """Give an agent a task. It runs with the rights of the token's person, or of who made the
    service account, for as long as they have them."""
    agent = get_object_or_404(Agent.objects, pk=payload.agent)
    conversation = None
    if payload.conversation:
        conversation = get_object_or_404(Conversation.objects, pk=payload.conversation, agent=agent)
    text = checked(TaskForm({"text": payload.text})).cleaned_data["text"]
    return Status(201, actions.submit(agent, text, by=request.person, conversation=conversation))


@router.post("/{uuid:task_id}/cancel", response={200: TaskWhole} | WRITES)
@allowed(FleetPermission.TASK_RUN)
def cancel_task(request: ApiRequest, task_id: UUID) -> Task:
    """Ask for its end. What runs has some seconds for it, and is killed then."""
    task = get_object_or_404(Task.objects, pk=task_id)
    actions.cancel(task, by=request.person)
    return get_object_or_404(Task.objects, pk=task_id)


@router.post("/{uuid:task_id}/stop", response={200: TaskWhole} | WRITES)
@allowed(FleetPermission.TASK_RUN)
def stop_task(request: ApiRequest, task_id: UUID) -> Task:
    """Kill what it has started at once."""
    task = get_object_or_404(Task.objects, pk=task_id)
    actions.force_stop(task, by=request.person)
    return get_object_or_404(Task.objects, pk=task_id)


@router.post("/{uuid:task_id}/retry", response={201: TaskWhole} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.TASK_RUN)
def retry_task(request: ApiRequest, task_id: UUID, payload: Retry) -> Status[Task]:
    """Try it again, as the agent is set up now, as another task of its conversation."""
    task = get_object_or_404(Task.objects.select_related("agent", "conversation"), pk=task_id)
    text = None
    if payload.text is not None:
        text = checked(TaskForm({"text": payload.text})).cleaned_data["text"]
    return Status(201, actions.retry(task, by=request.person, text=text))


@router.get("/{uuid:task_id}", response={200: TaskWhole} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def get_task(request: ApiRequest, task_id: UUID) -> Task:
    return get_object_or_404(Task.objects, pk=task_id)


@router.get("/{uuid:task_id}/events", response={200: Listed[EventOut]} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def list_events(request: ApiRequest, task_id: UUID, query: Query[FirstEvents]) -> dict[str, Any]:
    task = get_object_or_404(Task.objects, pk=task_id)
    later = task.events.filter(number__gt=query.cursor).order_by("number")
    found = list(later[: query.limit + 1])
    more, found = len(found) > query.limit, found[: query.limit]
    return {"items": found, "next_cursor": str(found[-1].number) if more else None}
