"""Asking for an export."""

from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from workspaces.audit import record
from workspaces.exports.kinds import kind_of
from workspaces.exports.models import LONGEST_QUERY, Export
from workspaces.models import Membership, Workspace
from workspaces.scope import current_scope

# In work at once, in a workspace: each takes a worker's time and disk from its neighbours.
UNFINISHED_AT_ONCE = 3


class ExportRefused(Exception):
    """The export was not started; the message says why, for the person who asked."""


def start_export(kind: str, query: QueryDict | str, format: str) -> Export:  # noqa: A002
    """Have the rows that `query` selects written to a file, for the person whose scope this is.

    The job is queued in the scope's own transaction. Raises ExportRefused, PermissionDenied for
    somebody without the kind's permission, and LookupError for a kind that nobody registered.
    """
    from workspaces.exports.jobs import write_export

    known = kind_of(kind)
    if known is None:
        raise LookupError(f"no export is named {kind!r}")
    person = current_scope().user_id
    member = person and Membership.objects.filter(user_id=person).first()
    if not member or not member.may(known.permission):
        raise PermissionDenied(f"needs {known.permission}")
    if format not in Export.Format.values:
        raise ExportRefused("Choose NDJSON or CSV.")
    text = query.urlencode() if isinstance(query, QueryDict) else query
    if len(text) > LONGEST_QUERY:
        raise ExportRefused("The selection is too long: use fewer filters.")
    # Two who ask at once are counted one after the other.
    Workspace.objects.select_for_update(no_key=True).get(pk=member.workspace_id)
    unfinished = [Export.State.QUEUED, Export.State.RUNNING]
    if Export.objects.filter(state__in=unfinished).count() >= UNFINISHED_AT_ONCE:
        raise ExportRefused(
            f"{UNFINISHED_AT_ONCE} exports of this workspace are under way. Wait for one to finish."
        )
    export = Export.objects.create(
        kind=kind, query=text, format=format, requested_by_id=member.user_id
    )
    record("export.request", export, changes={"query": ("", text), "format": ("", format)})
    write_export.defer(export_id=export.pk)
    return export
