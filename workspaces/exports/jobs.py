"""Writing an export's file, and removing it once its link has expired."""

import tempfile
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.http import QueryDict
from django.utils import timezone

from workspaces import files
from workspaces.audit import record
from workspaces.exports.formats import WRITERS
from workspaces.exports.kinds import BATCH, Kind, kind_of
from workspaces.exports.models import LINK_HOURS, Export
from workspaces.jobs import Job, JobRefused, each_workspace, periodic_job, workspace_job
from workspaces.permissions import WorkspacePermission

STORAGE = "exports"
FORGOTTEN_AFTER_DAYS = 30  # the audit trail keeps who asked for what
LOST_AFTER_HOURS = 24


class ExportFailed(Exception):
    """The export cannot be made, now or later; the message says why, for who asked for it."""


@workspace_job("export.write", permission=WorkspacePermission.EXPORT_OWN, queue="exports")
def write_export(job: Job, export_id: UUID) -> None:
    with job.scope() as scope:
        export = Export.objects.select_for_update().filter(pk=export_id).first()
        if export is None or not export.is_unfinished or export.attempt >= job.attempt:
            return
        kind = _allowed(export, scope)
        export.state, export.attempt = Export.State.RUNNING, job.attempt
        export.save(update_fields=["state", "attempt"])
    with tempfile.TemporaryFile() as target:
        try:
            count = _write_rows(job, export, kind, target)
        except ExportFailed as reason:
            with job.scope():
                _finish(export, Export.State.FAILED, error=str(reason))
            return
        size = target.tell()
        target.seek(0)
        with job.scope() as scope:
            _allowed(export, scope)
            key = files.key_of(export.pk, job.attempt)
            files.delete(STORAGE, key)  # of this very attempt, which a queue may start twice
            files.save(STORAGE, key, File(target))
            now = timezone.now()
            _finish(
                export,
                Export.State.READY,
                rows=count,
                size=size,
                file=key,
                expires_at=now + timedelta(hours=LINK_HOURS),
            )


def _allowed(export: Export, scope: Any) -> Kind:
    """Return the export's kind, if the person may still have it. Raises JobRefused."""
    kind = kind_of(export.kind)
    if kind is None or scope.membership is None or not scope.membership.may(kind.permission):
        raise JobRefused(f"the person may not export {export.kind} any more")
    return kind


def _write_rows(job: Job, export: Export, kind: Kind, target: Any) -> int:
    """Write the rows, a batch in each scope; return how many. Raises ExportFailed."""
    rows = kind.rows(QueryDict(export.query))
    writer = WRITERS[Export.Format(export.format)](target)
    count = 0
    while True:
        written = 0
        with job.scope() as scope:
            _allowed(export, scope)
            for row in islice(rows, BATCH):
                writer.write(row)
                written += 1
        count += written
        if target.tell() > settings.EXPORT_MAX_BYTES:
            megabytes = settings.EXPORT_MAX_BYTES // 10**6
            raise ExportFailed(f"The file would be larger than {megabytes:,} MB: select less.")
        if written < BATCH:
            return count


def _finish(export: Export, state: str, **values: Any) -> None:
    """Give the export its last state, unless a later attempt has taken it over."""
    mine = Export.objects.filter(pk=export.pk, state=Export.State.RUNNING, attempt=export.attempt)
    if mine.update(state=state, finished_at=timezone.now(), **values):
        export.refresh_from_db()
        done = state == Export.State.READY
        changes = {"rows": (0, export.rows), "size": (0, export.size)} if done else None
        record(
            "export.finish",
            export,
            changes=changes,
            outcome="done" if done else "failed",
            reason=export.error,
        )
    elif "file" in values:
        files.delete(STORAGE, values["file"])


@write_export.at_end
def end_export(job: Job, refused: bool, export_id: UUID) -> Export | None:
    unfinished = [Export.State.QUEUED, Export.State.RUNNING]
    export = Export.objects.filter(pk=export_id, state__in=unfinished).first()
    if export is not None:
        export.state = Export.State.REFUSED if refused else Export.State.FAILED
        export.error = (
            "You may not export this any more."
            if refused
            else "It could not be written, though it was tried several times."
        )
        export.finished_at = timezone.now()
        export.save(update_fields=["state", "error", "finished_at"])
    return export


@periodic_job("export.expire", cron="7 * * * *")
def expire_exports() -> None:
    each_workspace("remove exports whose link has expired", expire_here)


def expire_here() -> None:
    """Remove the active workspace's expired files, and give up what nobody works on any more."""
    now = timezone.now()
    for export in Export.objects.filter(state=Export.State.READY, expires_at__lte=now):
        files.delete(STORAGE, export.file)
        Export.objects.filter(pk=export.pk).update(state=Export.State.EXPIRED, file="")
    unfinished = Export.objects.filter(state__in=[Export.State.QUEUED, Export.State.RUNNING])
    unfinished.filter(created_at__lte=now - timedelta(hours=LOST_AFTER_HOURS)).update(
        state=Export.State.FAILED, error="It was lost on the way.", finished_at=now
    )
    old = now - timedelta(days=FORGOTTEN_AFTER_DAYS)
    Export.objects.exclude(state=Export.State.READY).filter(created_at__lte=old).delete()


@periodic_job("export.sweep", cron="23 3 * * *")
def sweep_exports() -> None:
    each_workspace("remove files of exports that never came to an end", sweep_here)


def sweep_here() -> None:
    """Remove the active workspace's files that no export names."""
    found = set(files.keys(STORAGE))
    for key in found - set(Export.objects.exclude(file="").values_list("file", flat=True)):
        if files.is_settled(STORAGE, key):
            files.delete(STORAGE, key)
