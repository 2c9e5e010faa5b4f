"""The trail as a file: `start_export("audit", …)`."""

from collections.abc import Iterator
from typing import Any

from django.http import QueryDict

from workspaces.audit.models import AuditEntry
from workspaces.audit.selection import AuditForm, in_batches
from workspaces.exports.kinds import BATCH, register
from workspaces.permissions import WorkspacePermission


def as_row(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as exports and the API show it."""
    return {
        "number": entry.number,
        "time": entry.time,
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "actor": entry.actor_label,
        "on_behalf_of": entry.on_behalf_of,
        "token_prefix": entry.token_prefix,
        "session": entry.session,
        "action": entry.action,
        "target_kind": entry.target_kind,
        "target_id": entry.target_id,
        "target": entry.target_label,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "ip": entry.ip,
        "user_agent": entry.user_agent,
        "request_id": entry.request_id,
        "changes": entry.changes,
        "previous_hash": bytes(entry.previous_hash).hex(),
        "hash": bytes(entry.hash).hex(),
    }


def _rows(query: QueryDict) -> Iterator[dict[str, Any]]:
    form = AuditForm(query.dict())
    if not form.is_valid():
        return
    for entry in in_batches(form.entries(), BATCH):
        yield as_row(entry)


register(
    "audit",
    label="Audit trail",
    permission=WorkspacePermission.AUDIT_EXPORT,
    rows=_rows,
    page="workspaces:audit-list",
)
