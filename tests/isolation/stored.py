"""What the database really holds, seen past row security: to prove that nothing was changed."""

import json
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
