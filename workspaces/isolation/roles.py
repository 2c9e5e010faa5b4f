"""The database's roles, and the one that this process has."""

from collections.abc import Iterator
from typing import Any

from workspaces.database.roles import APP, BACKUP, OLDEST_SERVER, OWNER, PLATFORM
from workspaces.isolation.finding import Finding, finding

ROLES = """
SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit
  FROM pg_roles WHERE rolname = ANY (%s)
"""
MEMBERSHIPS = """
SELECT pg_get_userbyid(member), pg_get_userbyid(roleid) FROM pg_auth_members
 WHERE pg_get_userbyid(member) = ANY (%s)
"""
ALLOWED_MEMBERSHIPS = {(APP, PLATFORM), (BACKUP, "pg_read_all_data")}
SESSION = """
SELECT current_setting('server_version_num')::int / 10000, session_user,
       pg_has_role(%s, %s, 'USAGE'),
       has_database_privilege(%s, current_database(), 'CREATE'),
       has_database_privilege(%s, current_database(), 'TEMP'),
       (SELECT setting FROM pg_settings WHERE name = 'row_security')
"""


def check(cursor: Any) -> Iterator[Finding]:
    names = [OWNER, APP, PLATFORM, BACKUP]
    cursor.execute(ROLES, [names])
    roles = {row[0]: row[1:] for row in cursor.fetchall()}
    for name in names:
        if name not in roles:
            yield finding(name, "role", "does not exist")
            continue
        superuser, bypass, create_role, create_database, replication, inherit = roles[name]
        powers = {
            "SUPERUSER": superuser,
            "BYPASSRLS": bypass and name != BACKUP,
            "CREATEROLE": create_role,
            "CREATEDB": create_database,
            "REPLICATION": replication,
            "INHERIT": inherit and name != BACKUP,
        }
        yield finding(name, "role", ", ".join(power for power, held in powers.items() if held))

    cursor.execute(MEMBERSHIPS, [names])
    extra = set(cursor.fetchall()) - ALLOWED_MEMBERSHIPS
    yield finding("roles", "memberships", ", ".join(f"{a} is {b}" for a, b in sorted(extra)))

    if {APP, PLATFORM} <= set(roles):
        cursor.execute(SESSION, [APP, PLATFORM, APP, APP])
        version, user, inherits, creates, temporary, row_security = cursor.fetchone()
        yield finding("server", "version", version < OLDEST_SERVER and f"PostgreSQL {version}")
        yield finding("session", "role", user != APP and f"connected as {user}, not {APP}")
        yield finding("session", "row security", row_security != "on" and row_security)
        yield finding(APP, "inherits", inherits, f"has {PLATFORM}'s rights without SET ROLE")
        yield finding(APP, "creates", (creates or temporary) and "may create schemas or tables")
