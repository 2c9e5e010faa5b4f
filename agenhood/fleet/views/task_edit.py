"""Giving an agent tasks, ending them, trying them again, and answering what an agent asks first."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.htmx import is_partial
from agenhood.fleet.actions import approval as approvals
from agenhood.fleet.actions import task as actions
from agenhood.fleet.actions.approval import ApprovalRefused
from agenhood.fleet.actions.task import TaskRefused
from agenhood.fleet.forms.task import ApprovalForm, TaskForm
from agenhood.fleet.hostile import revealed
from agenhood.fleet.models import Agent, Approval, Conversation, Task
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.task_page import arguments_of
from agenhood.fleet.views.agent import as_id
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

SHOWN_CHARACTERS = 20_000  # of what would run


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.TASK_RUN)
def task_create(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    """A new conversation, or, with `conversation`, the next task of one."""
    agents = Agent.objects.select_related("project", "prompt", "provider_credential")
    agent = get_object_or_404(agents, pk=agent_id)
    conversation = _conversation(request, agent)
    context: dict[str, Any] = {"agent": agent, "conversation": conversation}
    if request.method == "GET":
        return _form(request, context | {"form": TaskForm(), "refusal": _refusal(agent)})
    form = TaskForm(request.POST)
    if form.is_valid():
        try:
            task = actions.submit(
                agent, by=request.user, conversation=conversation, **form.cleaned_data
            )
            return to_task(request, task)
        except TaskRefused as refused:
            form.add_error(None, ValidationError(str(refused)))
    return _form(request, context | {"form": form}, status=422)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.TASK_RUN)
def task_retry(request: MemberRequest, task_id: UUID) -> HttpResponse:
    """Try a task again: as a form to edit its text first, and as it was when none is sent."""
    task = _task(task_id)
    context: dict[str, Any] = {"agent": task.agent, "conversation": task.conversation, "task": task}
    if request.method == "GET":
        form = TaskForm(initial={"text": task.input})
        return _form(request, context | {"form": form, "refusal": _refusal(task.agent)})
    sent = request.POST
    form = TaskForm({"text": task.input, **sent.dict()})
    if form.is_valid():
        text, submission = form.cleaned_data["text"], form.cleaned_data["submission"]
        try:
            again = actions.retry(
                task,
                by=request.user,
                text=text if "text" in sent else None,
                submission=submission,
            )
            return to_task(request, again)
        except TaskRefused as refused:
            form.add_error(None, ValidationError(str(refused)))
    return _form(request, context | {"form": form}, status=422)


@require_POST
@requires(FleetPermission.TASK_RUN)
def task_cancel(request: MemberRequest, task_id: UUID) -> HttpResponse:
    task = _task(task_id)
    actions.cancel(task, by=request.user)
    return to_task(request, task)


@require_POST
@requires(FleetPermission.TASK_RUN)
def task_stop(request: MemberRequest, task_id: UUID) -> HttpResponse:
    task = _task(task_id)
    actions.force_stop(task, by=request.user)
    return to_task(request, task)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.TASK_RUN)
def approval_decide(request: MemberRequest, approval_id: UUID) -> HttpResponse:
    """What would run, for somebody to allow or deny."""
    rows = Approval.objects.select_related("task__agent", "task__conversation", "decided_by")
    approval = get_object_or_404(rows, pk=approval_id)
    context: dict[str, Any] = {
        "approval": approval,
        "arguments": [
            (revealed(name), revealed(value[:SHOWN_CHARACTERS]))
            for name, value in arguments_of(approval)
        ],
        "form": ApprovalForm(),
    }
    if request.method == "GET":
        return render(request, "fleet/approval_decide.html", context)
    form = context["form"] = ApprovalForm(request.POST)
    status = 422
    if form.is_valid():
        note = form.cleaned_data["note"]
        try:
            approvals.decide(approval, allow=form.allows, by=request.user, note=note)
            return to_task(request, approval.task)
        except ApprovalRefused as refused:
            context["refusal"], status = str(refused), 409
    return render(request, "fleet/approval_decide.html", context, status=status)


def to_task(request: MemberRequest, task: Task) -> HttpResponse:
    return redirect("fleet:task-detail", request.workspace.slug, task.pk)


def _task(task_id: UUID) -> Task:
    tasks = Task.objects.select_related(
        "conversation", "agent__project", "agent__prompt", "agent__provider_credential"
    )
    found: Task = get_object_or_404(tasks, pk=task_id)
    return found


def _conversation(request: MemberRequest, agent: Agent) -> Conversation | None:
    """Return the conversation with the agent that is to go on, if one is named. Raises Http404."""
    sent = request.POST if request.method == "POST" else request.GET
    text = sent.get("conversation")
    if not text:
        return None
    pk = as_id(text)
    if pk is None:
        raise Http404
    return get_object_or_404(Conversation.objects, pk=pk, agent=agent)


def _refusal(agent: Agent) -> str:
    """Return why the agent would take no task now, before anybody has typed one."""
    try:
        actions.refuse_unless_it_can_work(agent)
    except TaskRefused as refused:
        return str(refused)
    return ""


def _form(request: MemberRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    template = "fleet/task_create.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=status)
