"""Foreign keys and unique keys: both are checked past row security."""

from collections.abc import Iterator
from typing import Any

from workspaces.isolation.finding import Finding, finding
from workspaces.isolation.tables import Table

FOREIGN_KEYS = """
SELECT k.conname, k.conrelid, k.confrelid, k.convalidated,
       ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS c(number, position)
               JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = c.number
              ORDER BY c.position),
       ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS c(number, position)
               JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = c.number
              ORDER BY c.position)
  FROM pg_constraint AS k WHERE k.contype = 'f' ORDER BY k.conname
"""
UNIQUE_KEYS = """
SELECT i.indrelid, c.relname, i.indisprimary,
       (SELECT a.attname FROM pg_attribute AS a
         WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]),
       ARRAY(SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY AS c(number, position)
               JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = c.number
              ORDER BY c.position)
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
 WHERE i.indisunique OR i.indisexclusion ORDER BY c.relname
"""
# Relations that code declares but the database does not hold: a column of type uuid named …_id.
LOOSE_COLUMNS = """
SELECT a.attrelid, a.attname FROM pg_attribute AS a
 WHERE a.attname LIKE '%%\\_id' AND a.attname <> 'workspace_id' AND NOT a.attisdropped
   AND a.atttypid = 'uuid'::regtype
   AND NOT EXISTS (SELECT FROM pg_constraint AS k
                    WHERE k.contype = 'f' AND k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey))
 ORDER BY a.attname, a.attrelid::regclass::text
"""


def check(cursor: Any, tables: dict[int, Table]) -> Iterator[Finding]:
    yield from _check_foreign_keys(cursor, tables)
    yield from _check_unique_keys(cursor, tables)
    cursor.execute(LOOSE_COLUMNS)
    for oid, column in cursor.fetchall():
        if oid in tables and tables[oid].is_owned:
            yield finding(tables[oid].name, f"key {column}", "no foreign key holds it")


def _check_foreign_keys(cursor: Any, tables: dict[int, Table]) -> Iterator[Finding]:
    cursor.execute(FOREIGN_KEYS)
    for name, oid, target_oid, validated, columns, target_columns in cursor.fetchall():
        table, target = tables.get(oid), tables.get(target_oid)
        if table is None or target is None or target.workspace_not_null is None:
            continue
        pairs = set(zip(columns, target_columns, strict=True))
        composite = ("workspace_id", "workspace_id") in pairs and len(pairs) > 1
        fault = "" if composite and table.is_owned else f"a plain key to {target.name}"
        yield finding(table.name, f"foreign key {name}", fault or (not validated and "not valid"))


def _check_unique_keys(cursor: Any, tables: dict[int, Table]) -> Iterator[Finding]:
    cursor.execute(UNIQUE_KEYS)
    keyed = set()
    for oid, name, primary, first, columns in cursor.fetchall():
        if oid not in tables or not tables[oid].is_owned:
            continue
        if columns == ["workspace_id", "id"]:
            keyed.add(oid)
        fault = (
            columns not in (["id"], ["workspace_id", "id"]) if primary else first != "workspace_id"
        )
        yield finding(tables[oid].name, f"unique {name}", fault, "unique across workspaces")
    for oid, table in tables.items():
        if table.is_owned:
            yield finding(table.name, "key", oid not in keyed, "no unique (workspace_id, id)")
