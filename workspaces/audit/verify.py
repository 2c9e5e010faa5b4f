"""Does a workspace's trail hold together? Read row by row, and hashed here once more.

What it finds: entries that were changed, removed, inserted or put in another order since they were
written, and stubs of removed ones that nobody signed. Who has written the whole trail anew, its
head included, is found by a hash that was kept elsewhere: `expected`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection

from workspaces.audit.models import AuditStub
from workspaces.audit.stub import is_signed
from workspaces.scope import workspace_scope

BATCH = 2000
FIRST_HASH = bytes(32)  # stands before the first entry

# In the order of workspaces.audit_text() in the migration; the number, as text, twice.
PARTS = """
workspace_id::text, number::text, encode(previous_hash, 'hex'),
to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), id::text,
actor_kind, actor_id, actor_label, on_behalf_of, token_prefix, session, action, target_kind,
target_id, target_label, outcome, reason, COALESCE(host(ip), ''), user_agent, request_id,
changes::text
"""
ENTRIES = f"""
SELECT e.number, previous_hash, hash, e.id, {PARTS} FROM workspaces_auditentry AS e
 WHERE (e.number, e.id) > (%s, %s) AND e.number <= %s ORDER BY e.number, e.id LIMIT {BATCH}
"""  # noqa: S608 - names of columns only
# In one statement, so that an entry written meanwhile is in both or in neither.
ENDS = """
SELECT (SELECT max(number) FROM workspaces_auditentry),
       (SELECT number FROM workspaces_audithead), (SELECT hash FROM workspaces_audithead)
"""


@dataclass(slots=True)
class Report:
    """`faults` name the entries; `last` and `hash` are where the trail ends."""

    count: int = 0
    last: int = 0
    hash: bytes = FIRST_HASH
    faults: list[str] = field(default_factory=list)


def verify(workspace_id: UUID, expected: Mapping[int, str] | None = None) -> Report:
    """Walk a workspace's trail. `expected` is {number: hash in hexadecimal}, kept elsewhere."""
    with workspace_scope(workspace_id):
        return _walk(dict(expected or {}))


def _walk(expected: dict[int, str]) -> Report:
    report = Report()
    report.faults += _check_stubs(report, expected)
    with connection.cursor() as cursor:
        cursor.execute(ENDS)
        highest, head, head_hash = cursor.fetchone()
    for number, previous, stored, parts in _entries(highest or 0):
        if number <= report.last:
            report.faults.append(f"entry {number} was inserted: there has been one already")
            continue
        if number > report.last + 1:
            report.faults.append(_removed(report.last + 1, number - 1))
        elif previous != report.hash:
            report.faults.append(
                f"entry {number} does not follow entry {number - 1}: one of them was changed,"
                " inserted or put in another's place"
            )
        if sha256(_text(parts)).digest() != stored:
            report.faults.append(f"entry {number} was changed")
        if expected.pop(number, stored.hex()) != stored.hex():
            report.faults.append(f"entry {number} has another hash than was kept elsewhere")
        report.count, report.last, report.hash = report.count + 1, number, stored
    if report.last != (head or 0):
        report.faults.append(
            _removed(report.last + 1, head)
            if head and head > report.last
            else f"entries up to {report.last} stand behind the end of the trail, {head or 0}"
        )
    elif head and bytes(head_hash) != report.hash:
        report.faults.append(f"entry {head} is not the one that the trail ended with: changed")
    report.faults += [f"entry {number} is not there, and is expected" for number in expected]
    return report


def _check_stubs(report: Report, expected: dict[int, str]) -> Iterator[str]:
    """Go on behind what retention has removed, and say what is wrong with its stubs."""
    for stub in AuditStub.objects.order_by("last_number"):
        entries = f"entries {stub.first_number} to {stub.last_number}"
        if not is_signed(stub):
            yield f"the stub of {entries} has no valid signature: they were removed by hand"
        if stub.first_number != report.last + 1:
            yield _removed(report.last + 1, stub.first_number - 1)
        report.last, report.hash = stub.last_number, bytes(stub.last_hash)
        for number in [number for number in expected if number <= stub.last_number]:
            wanted = expected.pop(number)
            if number == stub.last_number and wanted != report.hash.hex():
                yield f"the stub of {entries} has another hash than was kept elsewhere"


def _entries(upto: int) -> Iterator[tuple[int, bytes, bytes, list[str]]]:
    position: tuple[int, Any] = (-(2**63), UUID(int=0))
    while True:
        with connection.cursor() as cursor:
            cursor.execute(ENTRIES, [*position, upto])
            rows = cursor.fetchall()
        for number, previous, stored, pk, *parts in rows:
            position = (number, pk)
            yield number, bytes(previous), bytes(stored), parts
        if len(rows) < BATCH:
            return


def _text(parts: list[str]) -> bytes:
    return json.dumps(parts, ensure_ascii=False).encode()


def _removed(first: int, last: int) -> str:
    if first == last:
        return f"entry {first} was removed"
    return f"entries {first} to {last} were removed"
