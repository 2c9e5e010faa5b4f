from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import READS, WRITES
from agenhood.api.routes.tasks import TaskOut
from agenhood.fleet.actions import history as actions
from agenhood.fleet.forms.history import ConversationForm
from agenhood.fleet.models import Conversation
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Conversations"])


class ConversationOut(Schema):
    id: UUID
    title: str
    agent_id: UUID
    created_at: datetime
    archived_at: datetime | None


class ConversationChange(Schema):
    title: str = Field(min_length=1, max_length=200)


@router.get("", response={200: Listed[ConversationOut]} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def list_conversations(
    request: ApiRequest, cursor: Query[Cursor], agent: UUID | None = None, archived: bool = False
) -> dict[str, Any]:
    conversations = Conversation.objects.filter(archived_at__isnull=not archived)
    if agent:
        conversations = conversations.filter(agent_id=agent)
    return newest_first(conversations, cursor)


@router.get("/{uuid:conversation_id}", response={200: ConversationOut} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def get_conversation(request: ApiRequest, conversation_id: UUID) -> Conversation:
    return _conversation(conversation_id)


@router.get("/{uuid:conversation_id}/tasks", response={200: Listed[TaskOut]} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def list_conversation_tasks(
    request: ApiRequest, conversation_id: UUID, cursor: Query[Cursor]
) -> dict[str, Any]:
    return newest_first(_conversation(conversation_id).tasks.all(), cursor)


@router.patch("/{uuid:conversation_id}", response={200: ConversationOut} | WRITES)
@allowed(FleetPermission.HISTORY_EDIT)
def change_conversation(
    request: ApiRequest, conversation_id: UUID, payload: ConversationChange
) -> Conversation:
    conversation = _conversation(conversation_id)
    form = checked(ConversationForm(payload.dict()))
    actions.rename(conversation, title=form.cleaned_data["title"])
    return _conversation(conversation_id)


@router.post("/{uuid:conversation_id}/archive", response={200: ConversationOut} | WRITES)
@allowed(FleetPermission.HISTORY_EDIT)
def archive_conversation(request: ApiRequest, conversation_id: UUID) -> Conversation:
    actions.archive(_conversation(conversation_id))
    return _conversation(conversation_id)


@router.post("/{uuid:conversation_id}/restore", response={200: ConversationOut} | WRITES)
@allowed(FleetPermission.HISTORY_EDIT)
def restore_conversation(request: ApiRequest, conversation_id: UUID) -> Conversation:
    actions.restore(_conversation(conversation_id))
    return _conversation(conversation_id)


@router.delete("/{uuid:conversation_id}", response={204: None} | WRITES)
@allowed(FleetPermission.HISTORY_DELETE)
def delete_conversation(request: ApiRequest, conversation_id: UUID) -> Status[None]:
    actions.delete(_conversation(conversation_id))
    return Status(204, None)


def _conversation(conversation_id: UUID) -> Conversation:
    return get_object_or_404(Conversation.objects, pk=conversation_id)
