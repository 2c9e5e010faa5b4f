"""Exports that somebody asked for: how far they are, and their files."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.htmx import is_partial
from accounts.models import User
from workspaces.exports.answer import answer_with_file
from workspaces.exports.kinds import kind_of, kinds
from workspaces.exports.models import LINK_HOURS, Export
from workspaces.exports.words import in_words
from workspaces.files import FileVanished
from workspaces.models import Membership
from workspaces.paging import page_by_newest
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest

WORDS_SHOWN = 4  # of a selection, in the list


@require_safe
@requires(WorkspacePermission.EXPORT_OWN)
def export_list(request: MemberRequest) -> HttpResponse:
    may_see_all = request.membership.may(WorkspacePermission.EXPORT_ALL)
    everybodys = may_see_all and request.GET.get("who") == "all"
    exports = Export.objects.all() if everybodys else _own(request)
    page = page_by_newest(exports, request.GET)
    rows = [_row(export, request.membership) for export in page.rows]
    if everybodys:
        # Not by a join: whoever has left is in nobody's reach, and their rows would be left out.
        people = User.objects.in_bulk({export.requested_by_id for export in page.rows})
        for row in rows:
            person = people.get(row["export"].requested_by_id)
            row["person"] = (person.name or person.email) if person else "somebody who has left"
    context = {
        "rows": rows,
        "everybodys": everybodys,
        "may_see_all": may_see_all,
        "is_unfinished": any(row["export"].is_unfinished for row in rows),
        "here": request.get_full_path(),
        "newer_url": page.previous,
        "older_url": page.next,
        "link_hours": LINK_HOURS,
        "places": _places(request),
    }
    template = "workspaces/export_list.html" + ("#exports" if is_partial(request) else "")
    return render(request, template, context)


@require_safe
@requires(WorkspacePermission.EXPORT_OWN)
def export_download(request: MemberRequest, export_id: UUID) -> HttpResponseBase:
    all_of_them = request.membership.may(WorkspacePermission.EXPORT_ALL)
    export = get_object_or_404(Export.objects.all() if all_of_them else _own(request), pk=export_id)
    if not _may_read(export, request.membership):
        raise PermissionDenied(f"needs the permission to export {export.kind}")
    if request.workspace.is_suspended:  # where it could not be put on the trail
        return _unavailable(request, export, "suspended", status=403)
    if not export.can_download:
        return _unavailable(request, export, "unfinished" if export.is_unfinished else "expired")
    if request.method == "HEAD":
        return HttpResponse()
    try:
        return answer_with_file(export, request.workspace)
    except FileVanished:
        return _unavailable(request, export, "vanished")


def _own(request: MemberRequest) -> Any:
    return Export.objects.filter(requested_by=request.user.pk)


def _may_read(export: Export, membership: Membership) -> bool:
    kind = kind_of(export.kind)
    return kind is not None and membership.may(kind.permission)


def _row(export: Export, membership: Membership) -> dict[str, Any]:
    kind = kind_of(export.kind)
    chosen = in_words(QueryDict(export.query))
    return {
        "export": export,
        "label": kind.label if kind else export.kind,
        "selection": chosen[:WORDS_SHOWN],
        "more": max(len(chosen) - WORDS_SHOWN, 0),
        "has_expired": export.state == Export.State.READY and not export.can_download,
        "can_download": export.can_download and _may_read(export, membership),
    }


def _places(request: MemberRequest) -> list[dict[str, str]]:
    """Return where the member can start an export."""
    return [
        {"label": kind.label, "url": reverse(kind.page, args=[request.workspace.slug])}
        for kind in kinds()
        if kind.page and request.membership.may(kind.permission)
    ]


def _unavailable(
    request: MemberRequest, export: Export, reason: str, status: int = 410
) -> HttpResponse:
    context = {"export": export, "reason": reason}
    return render(request, "workspaces/export_unavailable.html", context, status=status)
