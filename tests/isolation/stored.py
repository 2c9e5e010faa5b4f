"""What the database really holds, seen past row security: to prove that nothing was changed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

# The queue's rows name their workspace in a job's arguments; that of the row that a job is about is
# looked at, and tests/workspaces/test_jobs.py looks at the queue.
QUEUE = {"procrastinate_jobs", "procrastinate_events"}
BOOKKEEPING = {"django_migrations", "django_content_type", "django_cache", *QUEUE}
# Grows with what is done and refused, and is looked at by itself: trail().
TRAIL = {"workspaces_auditentry", "workspaces_audithead"}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"

Row = tuple[str, str]


# To read all of it after each request would take as long as the request. A statement that might
# change a table counts, even one that is rolled back: sequences know no transactions.
WATCH = """
CREATE SCHEMA watched;
GRANT USAGE ON SCHEMA watched TO PUBLIC;
CREATE SEQUENCE watched.statements;
SELECT nextval('watched.statements');
CREATE FUNCTION watched.count() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM nextval('watched.statements');
    RETURN NULL;
END
$$;
"""
WATCH_TABLE = """
CREATE TRIGGER zz_watched AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION watched.count()
"""
UNWATCH = "DROP SCHEMA IF EXISTS watched CASCADE"


@contextmanager
def watched(connection: psycopg.Connection[Any]) -> Iterator["Watched"]:
    """Watch all tables for a block."""
    connection.execute(UNWATCH)
    connection.execute(WATCH)
    try:
        for (table,) in connection.execute(TABLES).fetchall():
            connection.execute(WATCH_TABLE.format(table=table))
        yield Watched(connection)
    finally:
        connection.execute(UNWATCH)


class Watched:
    """Reads what is stored as `stored()` does, but only when something might have changed."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._read: dict[frozenset[str], tuple[int, set[Row]]] = {}

    def stored(self, *, but: set[str]) -> set[Row]:
        statements = self._statements()
        key = frozenset(but)
        read = self._read.get(key)
        if read is None or read[0] != statements:
            read = self._read[key] = statements, stored(self.connection, but=but)
        return read[1]

    def restore(self, rows: set[Row], *, but: set[str]) -> None:
        """As `restore()`, for rows that were read without the tables `but`."""
        if self.stored(but=but) == rows and not trail(self.connection):
            return
        restore(self.connection, rows)
        self._read = {frozenset(but): (self._statements(), rows)}

    def _statements(self) -> int:
        query = "SELECT last_value FROM watched.statements"
        return int(self.connection.execute(query).fetchone()[0])  # type: ignore[index]


def stored(connection: psycopg.Connection[Any], *, but: set[str] = BOOKKEEPING) -> set[Row]:
    """Return every row of every table, as (table, JSON), but of the tables named in `but`."""
    tables = [name for (name,) in connection.execute(TABLES) if name not in but]
    rows = " UNION ALL ".join(f"SELECT '{t}', to_jsonb(t)::text FROM {t} AS t" for t in tables)
    return set(connection.execute(rows).fetchall())


def trail(connection: psycopg.Connection[Any]) -> list[tuple[str, ...]]:
    """Return (workspace's slug, actor, action, outcome) of every entry of the audit trails."""
    return connection.execute(
        "SELECT w.slug, e.actor_label, e.action, e.outcome FROM workspaces_auditentry AS e"
        " JOIN workspaces_workspace AS w ON w.id = e.workspace_id ORDER BY w.slug, e.number"
    ).fetchall()


def restore(connection: psycopg.Connection[Any], rows: set[Row]) -> None:
    """Put back what `stored()` returned, whatever was done to it since; no trigger has a say."""
    found = stored(connection)
    changed = {table for table, _ in found ^ rows}
    if not changed:
        return
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for table in changed:
            connection.execute(f"DELETE FROM {table}")
            kept = f"[{','.join(text for name, text in rows if name == table)}]"
            connection.execute(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE"
                f" SELECT * FROM jsonb_populate_recordset(NULL::{table}, %s)",
                [kept],
            )


def workspaces_of(rows: set[Row]) -> set[str]:
    """Return the ids of the workspaces that the rows belong to, "" for a row of none."""
    found = set()
    for table, text in rows:
        row = json.loads(text)
        found.add(row["id"] if table == "workspaces_workspace" else row.get("workspace_id", ""))
    return found
