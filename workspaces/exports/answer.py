"""An export's file as an answer, to a page's reader or to a program."""

from django.http import HttpResponseBase

from workspaces import files
from workspaces.audit import record
from workspaces.downloads import download, read
from workspaces.exports.jobs import STORAGE
from workspaces.exports.models import Export
from workspaces.models import Workspace


def answer_with_file(export: Export, workspace: Workspace) -> HttpResponseBase:
    """Answer with the file of an export that can be downloaded. Raises files.FileVanished."""
    file = files.open_file(STORAGE, export.file)
    record("export.download", export)
    name = f"{workspace.slug}-{export.kind}-{export.created_at:%Y-%m-%d}.{export.format}"
    return download(
        read(file),
        files.safe_name(name, otherwise="export"),
        size=export.size,
        close=file.close,
    )
