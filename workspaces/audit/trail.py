"""Writing the trail: rows are noted where something is done, and stored as the scope ends.

Not at once, since a workspace's rows stand in line (AuditHead): whoever held that place while a
page is made, or while more rows are locked, would hold up others or deadlock with them. It is the
same transaction, so that a row and what it tells of stand or fall together, savepoints included.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from uuid_utils.compat import uuid7

from workspaces.audit.actor import Actor, current_actor
from workspaces.audit.changes import recorded, text
from workspaces.scope import (
    NoActiveWorkspace,
    WorkspaceScope,
    before_leaving,
    open_scope,
    set_locally,
    workspace_scope,
)

logger = logging.getLogger("agenhood.audit")

LENGTHS = {
    "actor_kind": 16,
    "actor_id": 64,
    "actor_label": 254,
    "on_behalf_of": 254,
    "token_prefix": 16,
    "session": 16,
    "action": 60,
    "target_kind": 40,
    "target_id": 64,
    "target_label": 254,
    "outcome": 8,
    "reason": 500,
    "user_agent": 300,
    "request_id": 32,
}
TYPES = {
    "id": "uuid",
    "workspace_id": "uuid",
    "ip": "inet",
    "changes": "jsonb",
    **dict.fromkeys(LENGTHS, "text"),
}
# One parameter, since binding two dozen of them takes longer than the insert. The trigger fills in
# number, time and hashes: what stands here is never stored. For the platform, which may not read
# what it inserted; who may, calls the function that returns it.
INSERT = f"""
INSERT INTO workspaces_auditentry ({", ".join(TYPES)}, number, time, previous_hash, hash)
SELECT {", ".join(TYPES)}, 0, now(), '', '' FROM jsonb_to_recordset(%s::jsonb)
    AS entries({", ".join(f"{name} {kind}" for name, kind in TYPES.items())})
"""  # noqa: S608 - names of columns only
ADD = "SELECT number, time, hash FROM workspaces.add_audit_entries(%s::jsonb)"
HEAD = "SELECT number, time, hash FROM workspaces_audithead"


def record(
    action: str,
    target: models.Model | None = None,
    *,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    outcome: str = "done",
    reason: str = "",
) -> None:
    """Put an action on the trail of the scope's workspace, in the scope's transaction.

    `action` is "<noun>.<verb>". `changes` is {field: (before, after)}; of a secret it says that it
    was set, never to what. Call it before a `target` is deleted. In the platform's or a person's
    scope the target says whose trail it is: a workspace, or something in it.
    Raises NoActiveWorkspace where nothing does.
    """
    entry = _Entry(
        _workspace_id(target), action, current_actor(), _named(target), changes, outcome, reason
    )
    transaction.on_commit(entry)


def record_denied(
    workspace_id: UUID,
    action: str,
    *,
    reason: str,
    target_kind: str = "",
    target_id: str = "",
) -> None:
    """Put a refusal on a workspace's trail, in a transaction of its own, outside any scope.

    What was refused is rolled back, or in a suspended workspace nothing could be written there.
    """
    with workspace_scope(workspace_id):
        named = (target_kind, target_id, "")
        transaction.on_commit(
            _Entry(workspace_id, action, current_actor(), named, None, "denied", reason)
        )


def store_in(
    connection: BaseDatabaseWrapper,
    workspace_id: UUID,
    action: str,
    *,
    changes: Mapping[str, tuple[Any, Any]],
) -> None:
    """Store an entry now, on a connection whose transaction has entered the workspace by itself:
    the owner's, which no scope is ever of."""
    entry = _Entry(workspace_id, action, current_actor(), ("", "", ""), changes, "done", "")
    _store_here(connection, [entry])
    transaction.on_commit(entry, using=connection.alias)


class _Entry:
    """A row that is to be stored before the commit; called after it, it tells the log.

    It waits among the transaction's `on_commit` calls, where Django keeps what no rolled-back
    savepoint took away.
    """

    def __init__(
        self,
        workspace_id: UUID,
        action: str,
        actor: Actor,
        target: tuple[str, str, str],
        changes: Mapping[str, tuple[Any, Any]] | None,
        outcome: str,
        reason: str,
    ) -> None:
        kind, target_id, label = target
        values = {
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_label": actor.label,
            "on_behalf_of": actor.on_behalf_of,
            "token_prefix": actor.token_prefix,
            "session": actor.session,
            "action": action,
            "target_kind": kind,
            "target_id": target_id,
            "target_label": label,
            "outcome": outcome,
            "reason": reason,
            "user_agent": actor.user_agent,
            "request_id": actor.request_id,
        }
        self.values: dict[str, Any] = {
            "id": uuid7(),
            "workspace_id": workspace_id,
            "ip": actor.ip,
            "changes": recorded(changes or {}),
            **{name: text(values[name], longest) for name, longest in LENGTHS.items()},
        }
        self.stored: tuple[int, Any, bytes] | None = None

    def __call__(self) -> None:
        if self.stored is None or not logger.isEnabledFor(logging.INFO):
            return
        number, time, digest = self.stored
        line = {"number": number, "time": time, **self.values, "hash": bytes(digest).hex()}
        # What is inside a workspace stays there: names and values are read in the trail itself.
        line["changes"] = list(line["changes"])
        del line["target_label"]
        if line["outcome"] == "done":
            del line["reason"]
        logger.info(json.dumps(line, default=str))


def _store(connection: BaseDatabaseWrapper, ending: str) -> None:
    calls = [waiting[1] for waiting in connection.run_on_commit]
    entries = [call for call in calls if isinstance(call, _Entry) and call.stored is None]
    if not entries:
        return
    if isinstance(open_scope(), WorkspaceScope):
        _store_here(connection, entries, ending)
    else:
        for entry in entries:
            _store_elsewhere(connection, entry)


def _store_here(connection: BaseDatabaseWrapper, entries: list[_Entry], ending: str = "") -> None:
    """Insert entries of the workspace that the transaction is in; `ending` as of before_leaving.

    Once it has committed so, Django and the driver find nothing left to commit.
    """
    rows = json.dumps([entry.values for entry in entries], default=str)
    with connection.cursor() as cursor:
        cursor.execute(ADD + ending, [rows])
        for entry, stored in zip(entries, cursor.fetchall(), strict=True):
            entry.stored = stored


def _store_elsewhere(connection: BaseDatabaseWrapper, entry: _Entry) -> None:
    """Enter the entry's workspace to insert it, and leave: as one who may not read it, perhaps."""
    here = {"agenhood.workspace_id": str(entry.values["workspace_id"])}
    set_locally(connection, here)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps([entry.values], default=str)])
        cursor.execute(HEAD)
        entry.stored = cursor.fetchone()
    set_locally(connection, dict.fromkeys(here, ""))


before_leaving(_store)


def _workspace_id(target: models.Model | None) -> UUID:
    scope = open_scope()
    if isinstance(scope, WorkspaceScope):
        return scope.workspace_id
    if scope is not None and target is not None:
        found = getattr(target, "workspace_id", None)
        if found is None and target._meta.label == "workspaces.Workspace":
            found = target.pk
        if found is not None:
            return found
    raise NoActiveWorkspace("Nothing says on which workspace's trail this belongs.")


def _named(target: models.Model | None) -> tuple[str, str, str]:
    if target is None:
        return "", "", ""
    if target.pk is None:
        raise ValueError("Record a deletion before it is done: afterwards it has no id.")
    label = getattr(target, "audit_label", None)
    return target._meta.model_name or "", str(target.pk), str(target if label is None else label)
