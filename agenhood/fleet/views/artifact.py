"""Artifacts: the files that tasks produced. Shown as pixels or as text, else to be saved."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import artifact as actions
from agenhood.fleet.artifacts import preview
from agenhood.fleet.artifacts.archive import Member, zipped
from agenhood.fleet.artifacts.content import TEXT, type_of
from agenhood.fleet.hostile import one_line
from agenhood.fleet.models import Agent, Artifact, Task
from agenhood.fleet.permissions import FleetPermission
from workspaces.downloads import download, read, strict
from workspaces.files import FileVanished, safe_name
from workspaces.paging import page_by_newest
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

TYPES = {
    "image": ("Images", Q(content_type__startswith="image/")),
    "text": ("Text", Q(content_type=TEXT)),
    "other": ("Other", ~Q(content_type__startswith="image/") & ~Q(content_type=TEXT)),
}
AGENTS_OFFERED = 200


@require_safe
@requires(FleetPermission.ARTIFACT_VIEW)
def artifact_list(request: MemberRequest) -> HttpResponse:
    kind = request.GET.get("type", "")
    agent_id = _id(request.GET.get("agent", ""))
    artifacts = Artifact.objects.select_related("task__agent", "task__conversation")
    if kind in TYPES:
        artifacts = artifacts.filter(TYPES[kind][1])
    if agent_id:
        artifacts = artifacts.filter(task__agent=agent_id)
    page = page_by_newest(artifacts, request.GET)
    agents = Agent.objects.order_by("name").only("name")[:AGENTS_OFFERED]
    context = {
        "rows": [(artifact, one_line(artifact.path)) for artifact in page.rows],
        "agents": [(agent, agent.pk == agent_id) for agent in agents],
        "types": [(key, label, key == kind) for key, (label, _condition) in TYPES.items()],
        "is_narrowed": bool(agent_id or kind in TYPES),
        "newer_url": page.previous,
        "older_url": page.next,
    }
    template = "fleet/artifact_list.html" + ("#results" if is_partial(request) else "")
    return render(request, template, context)


@require_safe
@requires(FleetPermission.ARTIFACT_VIEW)
def artifact_detail(request: MemberRequest, artifact_id: UUID) -> HttpResponse:
    artifact = _artifact(artifact_id)
    context: dict[str, Any] = {
        "artifact": artifact,
        "name": one_line(artifact.path),
        "others": Artifact.objects.filter(task=artifact.task_id).count() - 1,
    }
    if preview.shows_image(artifact):
        context["is_image"] = True
    elif preview.shows_text(artifact):
        try:
            with actions.open_file(artifact) as file:
                context["text"] = preview.text_preview(file)
        except FileVanished:
            context["is_missing"] = True
    return render(request, "fleet/artifact_detail.html", context)


@require_safe
@requires(FleetPermission.ARTIFACT_VIEW)
def artifact_image(request: MemberRequest, artifact_id: UUID) -> HttpResponseBase:
    """The picture of the detail page. Only what still begins as the picture that it was."""
    artifact = _artifact(artifact_id)
    if not preview.shows_image(artifact):
        raise Http404
    try:
        with actions.open_file(artifact) as file:
            content = file.read(preview.LARGEST_IMAGE_BYTES + 1)
    except FileVanished:
        raise Http404 from None
    if type_of(content) != artifact.content_type or len(content) > preview.LARGEST_IMAGE_BYTES:
        raise Http404
    response = HttpResponse(content, content_type=artifact.content_type)
    response["Content-Disposition"] = "inline"
    return strict(response)


@require_safe
@requires(FleetPermission.ARTIFACT_VIEW)
def artifact_download(request: MemberRequest, artifact_id: UUID) -> HttpResponseBase:
    artifact = _artifact(artifact_id)
    try:
        file = actions.open_file(artifact)
    except FileVanished:
        context = {"artifact": artifact, "name": one_line(artifact.path)}
        return render(request, "fleet/artifact_missing.html", context, status=410)
    name = safe_name(artifact.path, otherwise=f"artifact-{artifact.pk}")
    return download(read(file), name, size=artifact.size, close=file.close)


@require_safe
@requires(FleetPermission.ARTIFACT_VIEW)
def artifact_zip(request: MemberRequest, task_id: UUID) -> HttpResponseBase:
    """All of a task's files as one. What vanished is listed in it."""
    task = get_object_or_404(Task.objects.select_related("conversation"), pk=task_id)
    chunks = zipped(
        [
            Member(kept.path, kept.size, kept.created_at, partial(actions.open_file, kept))
            for kept in Artifact.objects.filter(task=task).order_by("path")
        ]
    )
    name = safe_name(f"{task.conversation.title} {task.number}.zip", otherwise="artifacts.zip")
    return download(chunks, name, close=chunks.close)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.ARTIFACT_DELETE)
def artifact_delete(request: MemberRequest, artifact_id: UUID) -> HttpResponse:
    if request.method == "POST":
        locked = Artifact.objects.select_for_update()
        actions.delete(get_object_or_404(locked, pk=artifact_id))
        return redirect("fleet:artifact-list", request.workspace.slug)
    artifact = _artifact(artifact_id)
    context = {"artifact": artifact, "name": one_line(artifact.path)}
    return render(request, "fleet/artifact_delete.html", context)


def _artifact(artifact_id: UUID) -> Artifact:
    artifacts = Artifact.objects.select_related("task__agent", "task__conversation")
    return get_object_or_404(artifacts, pk=artifact_id)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
