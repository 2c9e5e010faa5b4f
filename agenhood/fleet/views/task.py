"""A task's own page: what it does step by step, as it goes on, and what came of it."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import BadRequest
from django.db.models.functions import Left, Length
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.htmx import is_partial
from agenhood.fleet.hostile import one_line, readable, revealed
from agenhood.fleet.models import Approval, Artifact, Event, Task
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.task_page import Status, arguments_of, find, page_of
from agenhood.fleet.timeline import ARTIFACTS_ON_A_PAGE, CHARACTERS, LARGEST, Shown, duration
from agenhood.fleet.views.conversation import KINDS
from workspaces.downloads import download
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

PARTS = {"head", "approvals", "files"}  # what the page asks for anew when it has changed
ARGUMENT_CHARACTERS = 4000  # of what would run; all of it is on the approval's own page
EVENTS_IN_A_CHUNK = 50


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def task_detail(request: MemberRequest, task_id: UUID) -> HttpResponse:
    task = find(task_id)
    if task is None:
        raise Http404
    status = Status(task)
    context: dict[str, Any] = {"task": task, "status": status}
    part = request.GET.get("part", "")
    if is_partial(request) and part in PARTS:
        context |= PART_CONTEXTS[part](task)
        return render(request, f"fleet/task_detail.html#{part}", context)
    group = request.GET.get("kind", "")
    _label, kinds = KINDS.get(group, ("", []))
    after, before = _number(request, "after"), _number(request, "before")
    page = page_of(task, after=after, before=before, kinds=kinds)
    for made in PART_CONTEXTS.values():
        context |= made(task)
    is_whole = after is None and before is None and not request.workspace.is_suspended
    context |= {
        "page": page,
        "is_live": status.is_unfinished and is_whole,
        "groups": [(key, label, key == group) for key, (label, _kinds) in KINDS.items()],
        "kind": group if kinds else "",
        "kinds": " ".join(kinds),
        "asked": _shown(task, "input"),
        "person": creators([task])[task.created_by_id],
        "slug": request.workspace.slug,
        "conversation": task.conversation,
        "parts": json.dumps(status.told()["parts"]),
    }
    return render(request, "fleet/task_detail.html", context)


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def task_download(request: MemberRequest, task_id: UUID) -> HttpResponseBase:
    """All events as they were stored, a line of JSON for each."""
    task = get_object_or_404(Task.objects.only("number"), pk=task_id)
    return download(_lines(task), f"task-{task.number}.ndjson", close=lambda: None)


def _lines(task: Task) -> Iterator[bytes]:
    last = 0
    while True:
        rows = Event.objects.filter(task=task, number__gt=last).order_by("number")
        events = list(rows[:EVENTS_IN_A_CHUNK])
        if not events:
            return
        last = events[-1].number
        yield b"".join(_line(event) for event in events)


def _line(event: Event) -> bytes:
    row = {
        "number": event.number,
        "at": event.created_at.isoformat(),
        "kind": event.kind,
        "text": event.text,
        "data": event.data,
    }
    return json.dumps(row).encode() + b"\n"


def _number(request: MemberRequest, name: str) -> int | None:
    """Return an event's number from the address, None if none is named. Raises BadRequest."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 10:
        raise BadRequest("An event's number is a number.")
    return min(int(text), LARGEST)


def _head(task: Any) -> dict[str, Any]:
    began, ended = task.started_at, task.finished_at
    return {
        "reason": readable(task.state_reason),
        "took": duration(ended - began) if began and ended else "",
        "submission": uuid4(),  # a retry that is sent twice is one task
    }


def _approvals(task: Any) -> dict[str, Any]:
    pending = Approval.objects.filter(task=task, state=Approval.State.PENDING).order_by("pk")
    return {"approvals": [(one, one_line(one.tool), _arguments(one)) for one in pending]}


def _arguments(approval: Approval) -> Shown:
    """Return what would run, with what would deceive in it made visible: somebody judges it."""
    text = "\n".join(f"{name}: {value}" for name, value in arguments_of(approval))
    return Shown(revealed(text[:ARGUMENT_CHARACTERS]), max(len(text) - ARGUMENT_CHARACTERS, 0))


def _files(task: Any) -> dict[str, Any]:
    files = Artifact.objects.filter(task=task).order_by("path")[:ARTIFACTS_ON_A_PAGE]
    return {
        "artifacts": [(one, one_line(one.path)) for one in files],
        "result": _shown(task, "output"),
    }


PART_CONTEXTS = {"head": _head, "approvals": _approvals, "files": _files}


def _shown(task: Any, name: str) -> Shown:
    """Return the beginning of one of a task's texts; the whole may be long."""
    rows = Task.objects.filter(pk=task.pk)
    begun, length = rows.values_list(Left(name, CHARACTERS), Length(name))[0]
    return Shown(readable(begun), max(length - CHARACTERS, 0))
