"""An agent's directory: looking into it, and putting files there before a task."""

from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, BinaryIO
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agenhood.fleet import agent_files
from agenhood.fleet.actions import agent_files as actions
from agenhood.fleet.agent_files import Entry, FileRefused, Place, PlaceUnusable
from agenhood.fleet.artifacts.archive import Member, zipped
from agenhood.fleet.hostile import one_line
from agenhood.fleet.meters import disk_meter
from agenhood.fleet.models import Agent
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.agent import find_agent
from workspaces.downloads import download, read
from workspaces.files import FileVanished, safe_name
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

SHOWN = 500  # entries of one folder
MOST_IN_ZIP = 10_000  # files
MB = 10**6


@require_safe
@requires(FleetPermission.AGENT_FILES_VIEW)
def agent_files_list(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    """One folder of it: `path`, or all of it."""
    return _page(request, find_agent(request, agent_id), _path(request.GET))


@require_safe
@requires(FleetPermission.AGENT_FILES_VIEW)
def agent_files_download(request: MemberRequest, agent_id: UUID) -> HttpResponseBase:
    """One file, `path`; without it all of the directory as a ZIP."""
    agent = find_agent(request, agent_id)
    path = _path(request.GET)
    if not path:
        return _zip(agent)
    try:
        file = agent_files.open_file(agent, path)
    except FileRefused:
        raise Http404 from None
    # Its size may change while it is read: nothing is promised of it.
    return download(read(file), safe_name(path, otherwise="file"), close=file.close)


@require_POST
@requires(FleetPermission.AGENT_FILES_EDIT)
def agent_files_upload(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    """Put files into the folder `path`."""
    agent = find_agent(request, agent_id)
    folder, files = _path(request.POST), request.FILES.getlist("file")
    if not files:
        return _page(request, agent, folder, refusal="Choose a file first.", status=422)
    if sum(file.size or 0 for file in files) > settings.ARTIFACT_MAX_BYTES:
        words = f"At most {settings.ARTIFACT_MAX_BYTES // MB:,} MB can be sent at once."
        return _page(request, agent, folder, refusal=words, status=413)
    for file in files:
        name = safe_name(file.name or "", otherwise="file")
        try:
            actions.upload(agent, f"{folder}/{name}" if folder else name, file.chunks())
        except FileRefused as refused:
            words = f"{name} was not stored. {refused}"
            return _page(request, agent, folder, refusal=words, status=409)
    return redirect(address_of(request, agent, folder))


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.AGENT_FILES_EDIT)
def agent_files_delete(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    """Ask, then remove the file or folder `path`; without it all of the directory."""
    agent = find_agent(request, agent_id)
    path = _path(request.POST if request.method == "POST" else request.GET)
    above = path.rpartition("/")[0]
    context = {"agent": agent, "path": path, "name": one_line(path), "refusal": ""}
    context["back"] = address_of(request, agent, above)
    if request.method == "POST":
        try:
            actions.delete(agent, path)
            return redirect(address_of(request, agent, above))
        except FileRefused as refused:
            context["refusal"] = str(refused)
    status = 409 if context["refusal"] else 200
    return render(request, "fleet/agent_files_delete.html", context, status=status)


def address_of(request: MemberRequest, agent: Agent, folder: str) -> str:
    address = reverse("fleet:agent-files", args=[request.workspace.slug, agent.pk])
    return f"{address}?{urlencode({'path': folder})}" if folder else address


def _page(
    request: MemberRequest, agent: Agent, folder: str, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    """Answer with a folder, and why something in it was refused. Raises Http404 for no folder."""
    context: dict[str, Any] = {"agent": agent, "tab": "files", "folder": folder}
    try:
        with Place.of(agent).use():  # its disk stays where it is for both
            entries = agent_files.listing(agent, folder)
            context["disk"] = disk_meter(agent_files.usage(agent), agent)
    except FileRefused as refused:
        if folder and not isinstance(refused, PlaceUnusable):
            raise Http404 from None
        entries, context["unusable"] = [], str(refused)
    context |= {
        "rows": [_row(folder, entry) for entry in entries[:SHOWN]],
        "more": max(len(entries) - SHOWN, 0),
        "crumbs": _crumbs(folder),
        "refusal": refusal,
        "most_mb": settings.ARTIFACT_MAX_BYTES // MB,
    }
    return render(request, "fleet/agent_files.html", context, status=status)


def _row(folder: str, entry: Entry) -> dict[str, Any]:
    path = f"{folder}/{entry.name}" if folder else entry.name
    return {"entry": entry, "name": one_line(entry.name), "query": urlencode({"path": path})}


def _crumbs(folder: str) -> list[tuple[str, str]]:
    """Return the folders on the way to this one: what each is called, and its query string."""
    parts = folder.split("/") if folder else []
    return [
        (one_line(part), urlencode({"path": "/".join(parts[: number + 1])}))
        for number, part in enumerate(parts)
    ]


def _zip(agent: Agent) -> HttpResponseBase:
    try:
        usage = Place.of(agent).use()  # its disk stays where it is until all is sent
    except FileRefused:
        raise Http404 from None
    chunks = zipped(
        [
            Member(path, entry.size, _zip_time(entry.changed_at), partial(_open, agent, path))
            for path, entry in islice(agent_files.walk(agent), MOST_IN_ZIP)
        ]
    )

    def close() -> None:
        chunks.close()
        usage.close()

    return download(chunks, safe_name(f"{agent.name}.zip", otherwise="files.zip"), close=close)


def _open(agent: Agent, path: str) -> BinaryIO:
    try:
        return agent_files.open_file(agent, path)
    except FileRefused:
        raise FileVanished(path) from None


def _zip_time(moment: datetime) -> datetime:
    """Return a time that an agent may have set to anything, as near as a ZIP can have it."""
    return min(max(moment, datetime(1980, 1, 1, tzinfo=UTC)), datetime(2107, 12, 31, tzinfo=UTC))


def _path(sent: Any) -> str:
    """Return the path that is asked for, without a slash around it."""
    return str(sent.get("path", "")).replace("\0", "").strip("/")
