"""The database's roles, and the one that this process has."""

from collections.abc import Iterator
from typing import Any

from workspaces.database.roles import APP, BACKUP, OLDEST_SERVER, OWNER, PLATFORM
from workspaces.isolation.finding import Finding, finding

ROLES = """
SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit
  FROM pg_roles WHERE rolname = ANY (%s)
"""
# Those of the roles that ours are members of, too: also by way of pg_read_all_data.
MEMBERSHIPS = """
WITH RECURSIVE held AS (
    SELECT member, roleid FROM pg_auth_members WHERE pg_get_userbyid(member) = ANY (%s)
     UNION
    SELECT m.member, m.roleid FROM pg_auth_members AS m JOIN held ON m.member = held.roleid
)
SELECT pg_get_userbyid(member), pg_get_userbyid(roleid) FROM held
"""
# Whoever is a member of one of our roles has its rights: only who set them up may be.
MEMBERS = """
SELECT pg_get_userbyid(m.member), pg_get_userbyid(m.roleid)
  FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.member
 WHERE pg_get_userbyid(m.roleid) = ANY (%s)
   AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolname = ANY (%s))
"""
# Settings that a role or the database brings along: a workspace, a role, or no triggers.
SETTINGS = """
SELECT COALESCE(pg_get_userbyid(NULLIF(s.setrole, 0)), current_database()), setting
  FROM pg_db_role_setting AS s, unnest(s.setconfig) AS setting
 WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database
                                               WHERE datname = current_database()))
   AND (s.setrole = 0 OR pg_get_userbyid(s.setrole) = ANY (%s))
   AND setting ~* '^(agenhood\\.|(role|session_authorization|row_security|search_path|event_triggers
                          |session_replication_role|lo_compat_privileges|allow_system_table_mods)=)'
"""
ALLOWED_MEMBERSHIPS = {(APP, PLATFORM), (BACKUP, "pg_read_all_data")}
SESSION = """
SELECT current_setting('server_version_num')::int / 10000, session_user,
       pg_has_role(%s, %s, 'USAGE'),
       has_database_privilege(%s, current_database(), 'CREATE, TEMP'),
       has_database_privilege(%s, current_database(), 'CREATE, TEMP'),
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

    cursor.execute(MEMBERS, [names, names])
    strangers = ", ".join(f"{a} is {b}" for a, b in sorted(cursor.fetchall()))
    yield finding("roles", "members", strangers)
    cursor.execute(SETTINGS, [names])
    brought = ", ".join(f"{owner}: {setting}" for owner, setting in sorted(cursor.fetchall()))
    yield finding("roles", "settings", brought)

    if {APP, PLATFORM} <= set(roles):
        cursor.execute(SESSION, [APP, PLATFORM, APP, PLATFORM])
        version, user, inherits, app_creates, platform_creates, row_security = cursor.fetchone()
        yield finding("server", "version", version < OLDEST_SERVER and f"PostgreSQL {version}")
        yield finding("session", "role", user != APP and f"connected as {user}, not {APP}")
        yield finding("session", "row security", row_security != "on" and row_security)
        yield finding(APP, "inherits", inherits, f"has {PLATFORM}'s rights without SET ROLE")
        for role, creates in ((APP, app_creates), (PLATFORM, platform_creates)):
            yield finding(role, "creates", creates and "may create schemas or tables")
