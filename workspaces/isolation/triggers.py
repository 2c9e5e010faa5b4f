"""Triggers of the tables that are a workspace's or say who may enter one, as migrations make them.

That one is missing is found elsewhere. Of a trigger counts when it fires, for which columns, what
it runs, and of its condition the columns, texts and operators: the catalogue puts it in its own
words.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from workspaces.database.constraints import TRIGGER, TRIGGER_DEFINITION
from workspaces.isolation.finding import Finding, finding
from workspaces.isolation.migrated import statements
from workspaces.isolation.tables import Table

TRIGGERS = """
SELECT t.tgrelid, t.tgname, pg_get_triggerdef(t.oid) FROM pg_trigger AS t
 WHERE NOT t.tgisinternal ORDER BY t.tgname
"""
STATEMENT = re.compile(
    r"""
    \bCREATE \s+ (?:OR \s+ REPLACE \s+)? (?:CONSTRAINT \s+)? TRIGGER \s+ (?P<name>\w+)
        \s+ (?P<fires>.*?) \s ON \s+ (?P<table>\S+)
        \s (?P<how>.*?) (?: WHEN \s* \( (?P<when>.*?) \) \s* )?
        EXECUTE \s+ (?:FUNCTION | PROCEDURE) \s+ (?P<runs>[\w.]+) \s* \( (?P<given>[^)]*) \)
  | \bDROP \s+ TRIGGER \s+ (?:IF \s+ EXISTS \s+)? (?P<dropped>\w+) \s+ ON \s+ (?P<dropped_on>[\w.]+)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# Of how it fires: the rest is what stands there by default, too.
SAYS_HOW = frozenset({"row", "statement", "deferred", "referencing"})
CONDITION = re.compile(
    r"'[^']*' | (?:old|new)\.\w+ | \b(?:old|new|true|false|and|or|not|distinct)\b | [<>=]+",
    re.VERBOSE,
)


class Definition(NamedTuple):
    fires: frozenset[str]
    how: frozenset[str]
    when: frozenset[str]
    runs: str
    given: str


def check(cursor: Any, tables: dict[int, Table]) -> Iterator[Finding]:
    made = as_migrated()
    cursor.execute(TRIGGERS)
    faults: dict[int, list[str]] = {oid: [] for oid in tables}
    for oid, name, definition in cursor.fetchall():
        match = STATEMENT.search(definition)
        if oid in faults and (match is None or _definition(match) not in made.get(name, ())):
            faults[oid].append(name)
    for oid, table in tables.items():
        if table.is_owned or table.is_control:
            differing = faults[oid]
            yield finding(
                table.name, "made triggers", differing and f"not as migrated: {differing}"
            )


@cache
def as_migrated() -> dict[str, frozenset[Definition]]:
    """Return the triggers that all migrations leave behind, by name: tables may be renamed."""
    made: dict[str, dict[str, Definition]] = {}
    isolation = f"CREATE TRIGGER {TRIGGER} {TRIGGER_DEFINITION}" % {"table": "every_table"}
    for sql in (isolation, *statements()):
        for match in STATEMENT.finditer(sql):
            if match["name"]:
                made.setdefault(match["name"], {})[match["table"]] = _definition(match)
            else:
                made.get(match["dropped"], {}).pop(match["dropped_on"], None)
    return {name: frozenset(on.values()) for name, on in made.items()}


def _definition(match: re.Match[str]) -> Definition:
    when = re.sub(r"not in\b|!=", "<>", (match["when"] or "").lower().replace('"', ""))
    return Definition(
        fires=frozenset(re.findall(r"\w+", match["fires"].lower())),
        how=SAYS_HOW.intersection(match["how"].lower().split()),
        when=frozenset(CONDITION.findall(when)),
        runs=match["runs"].removeprefix("public."),
        given=match["given"],
    )
