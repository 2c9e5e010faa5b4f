"""Exports: a selection of rows as a file, made in the background, with a link that expires.

Each app has an `exports` module that registers its kinds, and a page that starts one:

    register("history", label="History", permission=FleetPermission.HISTORY_EXPORT, rows=rows)

    start_export("history", request.GET, "csv")  # in the workspace's scope; ExportRefused

`rows` takes the query string as a QueryDict and yields a dict per row, all with the same keys. It
is pulled in pieces, each in a scope of its own: it must read in batches (`in_batches`), never hold
a cursor open, and take its querysets from scoped managers.
"""

from workspaces.exports.actions import ExportRefused, start_export
from workspaces.exports.kinds import Kind, in_batches, kind_of, kinds, register

__all__ = [
    "ExportRefused",
    "Kind",
    "in_batches",
    "kind_of",
    "kinds",
    "register",
    "start_export",
]
