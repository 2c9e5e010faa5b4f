from datetime import datetime
from typing import Any, Literal

from ninja import Field, Query, Router, Schema

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import READS
from workspaces.audit.models import AuditEntry
from workspaces.permissions import WorkspacePermission

NO_NUL = r"^[^\x00]*$"  # PostgreSQL's text has no such character

router = Router(tags=["Audit trail"])


class AuditEntryOut(Schema):
    number: int
    time: datetime
    actor_kind: str
    actor_id: str
    actor_label: str
    on_behalf_of: str
    token_prefix: str
    action: str
    target_kind: str
    target_id: str
    target_label: str
    outcome: str
    reason: str
    ip: str | None
    request_id: str
    changes: dict[str, Any]
    hash: str

    @staticmethod
    def resolve_hash(entry: AuditEntry) -> str:
        return bytes(entry.hash).hex()


class Filters(Schema):
    """All of them exact; none given, all entries."""

    actor: str | None = Field(None, max_length=254, pattern=NO_NUL)
    action: str | None = Field(None, max_length=60, pattern=NO_NUL)
    target_id: str | None = Field(None, max_length=64, pattern=NO_NUL)
    outcome: Literal["done", "denied", "failed"] | None = None


@router.get("", response={200: Listed[AuditEntryOut]} | READS)
@allowed(WorkspacePermission.AUDIT_VIEW)
def list_audit(
    request: ApiRequest, cursor: Query[Cursor], filters: Query[Filters]
) -> dict[str, Any]:
    wanted = {name: value for name, value in filters.dict().items() if value is not None}
    if "actor" in wanted:
        wanted["actor_label"] = wanted.pop("actor")
    return newest_first(AuditEntry.objects.filter(**wanted), cursor, key="number")
