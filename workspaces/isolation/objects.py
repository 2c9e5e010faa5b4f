"""What could read a table in another's name: views, and what others may create."""

from collections.abc import Iterator
from typing import Any

from workspaces.database.roles import APP, OWNER, PLATFORM
from workspaces.isolation.finding import Finding, finding

# Views of the server's own schemas and of extensions count if they read a table of ours.
VIEWS = """
SELECT c.relname, c.relkind, c.reloptions
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'm')
   AND (n.nspname !~ '^(pg_|information_schema$)'
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass
                                                     AND d.objid = c.oid AND d.deptype = 'e')
        OR EXISTS (SELECT FROM pg_rewrite AS r
                     JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                     JOIN pg_class AS t
                       ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
                    WHERE r.ev_class = c.oid AND t.oid <> c.oid
                      AND pg_get_userbyid(t.relowner) = %s))
 ORDER BY c.relname
"""
CREATORS = """
SELECT n.nspname, role
  FROM pg_namespace AS n CROSS JOIN unnest(%s::text[]) AS role
 WHERE n.nspname !~ '^(pg_|information_schema$)' AND has_schema_privilege(role, n.oid, 'CREATE')
"""


def check(cursor: Any) -> Iterator[Finding]:
    cursor.execute(VIEWS, [OWNER])
    for name, kind, options in cursor.fetchall():
        if kind == "m":
            yield finding(name, "view", "a materialized view has no row security")
        else:
            invoker = {"security_invoker=true", "security_invoker=on", "security_invoker=1"}
            fault = not invoker & set(options or ())
            yield finding(name, "view", fault, "reads with its owner's rights: no security_invoker")

    cursor.execute(CREATORS, [[APP, PLATFORM, "public"]])
    creators = [f"{role} in {schema}" for schema, role in cursor.fetchall()]
    yield finding("schemas", "create", ", ".join(creators))
