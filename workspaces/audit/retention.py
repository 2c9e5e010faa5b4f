"""Removing the old end of a trail, as the owner of its table: the console's own role cannot.

What is removed has been verified, and a signed stub stands for it from then on.
"""

from datetime import datetime
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone

from workspaces.audit.actor import Actor, acting
from workspaces.audit.models import AuditStub
from workspaces.audit.stub import sign
from workspaces.audit.trail import store_in
from workspaces.audit.verify import verify
from workspaces.scope import set_locally

OLD = """
SELECT min(number), count(*) FROM workspaces_auditentry WHERE number <= %s
"""
LAST = """
SELECT number, time, hash FROM workspaces_auditentry WHERE time < %s
 ORDER BY time DESC, number DESC LIMIT 1
"""
INSERT_STUB = """
INSERT INTO workspaces_auditstub
    (id, workspace_id, first_number, last_number, last_time, last_hash, removed_at, signature)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
REMOVE = "DELETE FROM workspaces_auditentry WHERE number <= %s"


class TrailBroken(Exception):
    """The trail does not verify: what is removed now would never be found. Says what is wrong."""


def prune(workspace_id: UUID, before: datetime, *, using: str) -> int:
    """Remove a workspace's entries from before a moment; return how many there were.

    `using` is a connection of the tables' owner. Raises TrailBroken.
    """
    faults = verify(workspace_id).faults
    if faults:
        raise TrailBroken("; ".join(faults))
    connection = connections[using]
    with transaction.atomic(using):
        set_locally(connection, {"agenhood.workspace_id": str(workspace_id)})
        with connection.cursor() as cursor:
            cursor.execute(LAST, [before])
            last = cursor.fetchone()
            if last is None:
                return 0
            number, time, digest = last
            cursor.execute(OLD, [number])
            first, count = cursor.fetchone()
            stub = AuditStub(
                workspace_id=workspace_id,
                first_number=first,
                last_number=number,
                last_time=time,
                last_hash=bytes(digest),
                removed_at=timezone.now(),
            )
            sign(stub)
            cursor.execute(
                INSERT_STUB,
                [
                    stub.pk,
                    workspace_id,
                    first,
                    number,
                    time,
                    bytes(digest),
                    stub.removed_at,
                    bytes(stub.signature),
                ],
            )
            cursor.execute(REMOVE, [number])
        with acting(Actor("system", "retention")):
            changes = {"entries": (f"{first} to {number}", None)}
            store_in(connection, workspace_id, "audit.prune", changes=changes)
    return int(count)
