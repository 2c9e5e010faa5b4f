"""Conversations: the list, and one to read from its first task to its last."""

import json
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import history
from agenhood.fleet.forms.history import ConversationForm
from agenhood.fleet.hostile import readable
from agenhood.fleet.models import Conversation, Event, Task
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.timeline import position, timeline
from workspaces.paging import page_by_newest
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

WHOLE_CHARACTERS = 1_000_000  # of one text on a page of its own
Kind = Event.Kind
# What the timeline can be narrowed to: its key in the address, what it is called, and the kinds.
KINDS = {
    "messages": ("Messages", [Kind.MESSAGE]),
    "tools": ("Tools", [Kind.TOOL_CALL, Kind.TOOL_RESULT]),
    "output": ("Output", [Kind.OUTPUT, Kind.FILE_CHANGE]),
    "errors": ("Errors", [Kind.ERROR]),
}


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def conversation_list(request: MemberRequest) -> HttpResponse:
    archived = request.GET.get("state") == "archived"
    page = page_by_newest(
        _with_last_task(Conversation.objects.filter(archived_at__isnull=not archived)), request.GET
    )
    people = creators(page.rows)
    labels = dict(Task.State.choices)
    context = {
        "rows": [
            (row, people[row.created_by_id], labels.get(row.last_state, "")) for row in page.rows
        ],
        "state": "archived" if archived else "active",
        "newer_url": page.previous,
        "older_url": page.next,
    }
    return render(request, "fleet/conversation_list.html", context)


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def conversation_detail(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = _conversation(request, conversation_id)
    group = request.GET.get("kind", "")
    _label, kinds = KINDS.get(group, ("", []))
    shown = timeline(conversation, position(request.GET.get("after", "")), kinds)
    people = creators([conversation, *(shown_task.task for shown_task in shown.tasks)])
    for shown_task in shown.tasks:
        shown_task.person = people[shown_task.task.created_by_id]
    context = {
        "conversation": conversation,
        "person": people[conversation.created_by_id],
        "timeline": shown,
        "tasks": shown.tasks,
        "groups": [(key, label, key == group) for key, (label, _kinds) in KINDS.items()],
        "kind": group if kinds else "",
    }
    return render(request, "fleet/conversation_detail.html", context)


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def conversation_event(
    request: MemberRequest, conversation_id: UUID, event_id: UUID
) -> HttpResponse:
    """One event with all of its text."""
    events = Event.objects.select_related("task__conversation")
    event = get_object_or_404(events, pk=event_id, task__conversation=conversation_id)
    data = json.dumps(event.data, indent=2, ensure_ascii=False) if event.data else ""
    texts = [("Text", event.text), ("Details", data)]
    title = f"{event.get_kind_display()} {event.number}"
    return _whole(request, event.task, title, texts)


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def conversation_task(request: MemberRequest, conversation_id: UUID, task_id: UUID) -> HttpResponse:
    """One task with all that was asked and answered."""
    tasks = Task.objects.select_related("conversation")
    task = get_object_or_404(tasks, pk=task_id, conversation=conversation_id)
    texts = [("Input", task.input), ("Output", task.output)]
    return _whole(request, task, f"Task #{task.number}", texts)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.HISTORY_EDIT)
def conversation_rename(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = _conversation(request, conversation_id)
    posted = request.method == "POST"
    form = ConversationForm(request.POST if posted else None, instance=conversation)
    if posted and form.is_valid():
        history.rename(conversation, title=form.cleaned_data["title"])
        return _to(request, conversation)
    if posted:
        conversation.refresh_from_db()  # a ModelForm leaves the rejected title on its instance
    template = "fleet/conversation_rename.html" + ("#form" if is_partial(request) else "")
    context = {"conversation": conversation, "form": form}
    return render(request, template, context, status=422 if posted else 200)


@require_POST
@requires(FleetPermission.HISTORY_EDIT)
def conversation_archive(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = _conversation(request, conversation_id)
    history.archive(conversation)
    return _to(request, conversation)


@require_POST
@requires(FleetPermission.HISTORY_EDIT)
def conversation_restore(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = _conversation(request, conversation_id)
    history.restore(conversation)
    return _to(request, conversation)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.HISTORY_DELETE)
def conversation_delete(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = _conversation(request, conversation_id)
    refusal = ""
    if request.method == "POST":
        try:
            history.delete(conversation)
        except history.HistoryRefused as refused:
            refusal = str(refused)
        else:
            return redirect("fleet:conversation-list", request.workspace.slug)
    context = {"conversation": conversation, "refusal": refusal}
    status = 409 if refusal else 200
    return render(request, "fleet/conversation_delete.html", context, status=status)


def _conversation(request: MemberRequest, conversation_id: UUID) -> Conversation:
    conversations = Conversation.objects.select_related("agent", "agent__project")
    if request.method not in ("GET", "HEAD"):
        conversations = conversations.select_for_update(of=["self"], no_key=True)
    return get_object_or_404(conversations, pk=conversation_id)


def _to(request: MemberRequest, conversation: Conversation) -> HttpResponse:
    return redirect("fleet:conversation-detail", request.workspace.slug, conversation.pk)


def _with_last_task(conversations: QuerySet[Any]) -> QuerySet[Any]:
    tasks = Task.objects.filter(conversation=OuterRef("pk")).order_by()
    last = tasks.order_by("-number")
    counted = tasks.values("conversation").annotate(number=Count("pk")).values("number")
    return conversations.select_related("agent").annotate(
        task_count=Subquery(counted), last_state=Subquery(last.values("state")[:1])
    )


def _whole(
    request: MemberRequest, task: Task, title: str, texts: list[tuple[str, str]]
) -> HttpResponse:
    context = {
        "conversation": task.conversation,
        "task": task,
        "title": title,
        "texts": [
            (name, readable(text[:WHOLE_CHARACTERS]), max(len(text) - WHOLE_CHARACTERS, 0))
            for name, text in texts
            if text
        ],
    }
    return render(request, "fleet/conversation_text.html", context)
