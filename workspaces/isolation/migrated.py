"""The SQL that migrations run, whether or not the database has them."""

from collections.abc import Iterator
from typing import Any

from django.db.migrations import RunSQL, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader


def statements() -> Iterator[str]:
    """Return the SQL of all migrations that there are, in the order in which they run."""
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    done = set()
    for leaf in sorted(graph.leaf_nodes()):
        for node in graph.forwards_plan(leaf):
            if node not in done:
                done.add(node)
                yield from _sql_of(graph.nodes[node].operations)


def _sql_of(operations: Any) -> Iterator[str]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _sql_of(operation.database_operations)
        elif isinstance(operation, RunSQL):
            parts = [operation.sql] if isinstance(operation.sql, str) else operation.sql
            yield from (part if isinstance(part, str) else part[0] for part in parts)
