"""What could read a table in another's name: views, functions, and what others may create."""

from collections.abc import Iterator
from typing import Any

from workspaces.database.roles import APP, OWNER, PLATFORM
from workspaces.isolation.finding import Finding, finding

VIEWS = """
SELECT c.relname, c.relkind, c.reloptions
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'm') AND n.nspname !~ '^(pg_|information_schema$)'
   AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.relname
"""
FUNCTIONS = """
SELECT p.proname, p.prosecdef, p.proleakproof, pg_get_userbyid(p.proowner)
  FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE n.nspname !~ '^(pg_|information_schema$)'
   AND NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 ORDER BY p.proname
"""
CREATORS = """
SELECT n.nspname, role
  FROM pg_namespace AS n CROSS JOIN unnest(%s::text[]) AS role
 WHERE n.nspname !~ '^(pg_|information_schema$)' AND has_schema_privilege(role, n.oid, 'CREATE')
"""
REQUIRED_FUNCTIONS = {"current_id", "active_id", "active_user_id", "refuse_new_workspace", "enter"}
REQUIRED_FUNCTIONS |= {"enter_by_token"}


def check(cursor: Any) -> Iterator[Finding]:
    cursor.execute(VIEWS)
    for name, kind, options in cursor.fetchall():
        if kind == "m":
            yield finding(name, "view", "a materialized view has no row security")
        else:
            invoker = {"security_invoker=true", "security_invoker=on", "security_invoker=1"}
            fault = not invoker & set(options or ())
            yield finding(name, "view", fault, "reads with its owner's rights: no security_invoker")

    cursor.execute(FUNCTIONS)
    functions = cursor.fetchall()
    for name, definer, leakproof, owner in functions:
        faults = {
            "runs with its owner's rights: SECURITY DEFINER": definer,
            "LEAKPROOF: it is run before row security": leakproof,
            f"owned by {owner}": owner != OWNER,
        }
        yield finding(
            name, "function", "; ".join(fault for fault, holds in faults.items() if holds)
        )
    missing = REQUIRED_FUNCTIONS - {row[0] for row in functions}
    yield finding("workspaces", "functions", missing and f"missing: {sorted(missing)}")

    cursor.execute(CREATORS, [[APP, PLATFORM, "public"]])
    creators = [f"{role} in {schema}" for schema, role in cursor.fetchall()]
    yield finding("schemas", "create", ", ".join(creators))
