"""What would reach rows past row security from outside the tables: the server's own catalogue and
functions, settings, what is born with a grant, and what carries rows elsewhere."""

from collections.abc import Iterator
from typing import Any

from workspaces.database.roles import (
    APP,
    BACKUP,
    CLOSED_FUNCTIONS,
    DEFAULT_PRIVILEGES,
    OWNER,
    PLATFORM,
)
from workspaces.isolation.finding import Finding, finding

OURS = [OWNER, APP, PLATFORM, BACKUP]
# Everybody, and whom the console's processes log in as or become.
GRANTEES = """
WITH grantee AS (
    SELECT 0::oid AS oid, 'public' AS name
     UNION ALL SELECT oid, rolname FROM pg_roles WHERE rolname = ANY (%(ours)s)
)
"""
# What a role of ours, or everybody, may do with the server's own objects and with the tables' TOAST
# beyond what initdb lets them do: where nothing was changed since, the two lists are the same.
GRANTS = f"""
{GRANTEES}, object AS (
    SELECT 'pg_class'::regclass AS class, oid, 0 AS part, relnamespace AS schema, relacl AS acl,
           acldefault('r', relowner) AS born FROM pg_class
     UNION ALL
    SELECT 'pg_class'::regclass, a.attrelid, a.attnum, c.relnamespace, a.attacl,
           acldefault('c', c.relowner)
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL
     UNION ALL
    SELECT 'pg_proc'::regclass, oid, 0, pronamespace, proacl, acldefault('f', proowner) FROM pg_proc
     UNION ALL
    SELECT 'pg_namespace'::regclass, oid, 0, oid, nspacl, acldefault('n', nspowner)
      FROM pg_namespace
)
SELECT grantee.name,
       held.privilege_type || ' on ' || pg_describe_object(object.class, object.oid, object.part)
  FROM object JOIN pg_namespace AS n ON n.oid = object.schema AND starts_with(n.nspname, 'pg_')
  LEFT JOIN pg_init_privs AS i
    ON (i.classoid, i.objoid, i.objsubid) = (object.class, object.oid, object.part)
 CROSS JOIN aclexplode(object.acl) AS held JOIN grantee ON grantee.oid = held.grantee
 WHERE object.acl IS NOT NULL AND object.acl IS DISTINCT FROM i.initprivs
   AND NOT EXISTS (SELECT FROM aclexplode(COALESCE(i.initprivs, object.born)) AS before
                    WHERE before.privilege_type = held.privilege_type
                      AND before.grantee IN (0, held.grantee))
"""  # noqa: S608 - constants only
# The functions that row security rests on in the end, if they are not the server's any more, and
# any that was put among its own, where it is found before another one of its name. (What initdb
# makes has a number below 16384.)
REPLACED = """
SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
 WHERE CASE WHEN n.nspname = 'information_schema' THEN p.prosecdef
            WHEN n.nspname <> 'pg_catalog' THEN false
            WHEN p.oid >= 16384 THEN
                 NOT EXISTS (SELECT FROM pg_depend AS d
                              WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                                AND d.deptype = 'e')
            WHEN p.proname IN ('current_setting', 'set_config', 'uuid_eq', 'uuid_in', 'texteq') THEN
                 p.prosecdef OR p.proconfig IS NOT NULL
                 OR p.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'internal')
                 OR p.prosrc NOT IN (p.proname, 'show_config_by_name', 'set_config_by_name',
                                     'show_config_by_name_missing_ok')
            ELSE false END
"""
# Everybody may run these until a superuser closes them. A database that a superuser owns was set up
# by one; so was any in which one of them is closed. Elsewhere nobody may: docs/isolation.md says
# what that costs.
CLOSED = f"""
{GRANTEES}
SELECT f.name, EXISTS (SELECT FROM pg_init_privs AS i WHERE i.classoid = 'pg_proc'::regclass
                                                       AND i.objoid = p.oid),
       ARRAY(SELECT grantee.name FROM grantee
               JOIN aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) AS held
                 ON held.grantee = grantee.oid ORDER BY 1)
  FROM ({CLOSED_FUNCTIONS}) AS f(name) JOIN pg_proc AS p ON p.oid = f.name::regprocedure
"""  # noqa: S608 - constants only
OWNED_BY_SUPERUSER = """
SELECT r.rolsuper FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
 WHERE d.datname = current_database()
"""
# Rights to set what only a superuser may.
PARAMETERS = f"""
{GRANTEES}
SELECT grantee.name, held.privilege_type || ' on ' || p.parname
  FROM pg_parameter_acl AS p CROSS JOIN aclexplode(p.paracl) AS held
  JOIN grantee ON grantee.oid = held.grantee
"""  # noqa: S608 - constants only
# Nobody's workspace before a scope says so; triggers that fire; nothing that opens the catalogue.
SETTINGS = """
SELECT name, current_setting(name, true)
  FROM unnest(ARRAY['agenhood.workspace_id', 'agenhood.user_id', 'agenhood.search',
                    'session_replication_role', 'lo_compat_privileges', 'allow_system_table_mods'])
       AS name
 WHERE COALESCE(current_setting(name, true), '') NOT IN ('', 'origin', 'off')
"""
BORN = """
SELECT pg_get_userbyid(d.defaclrole), COALESCE(n.nspname, ''),
       CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                            WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
       CASE held.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(held.grantee) END,
       held.privilege_type
  FROM pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
  LEFT JOIN LATERAL aclexplode(d.defaclacl) AS held ON held.grantee <> d.defaclrole
 WHERE pg_get_userbyid(d.defaclrole) = ANY (%(ours)s)
"""
# An extension's event triggers are its own affair; and plpgsql, which every database has, has none
# and no other parts than initdb gave it. What is part of an extension is left out by other checks:
# nothing of ours is.
CARRIERS = f"""
{GRANTEES}
SELECT 'event triggers', evtname::text FROM pg_event_trigger AS e
 WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_event_trigger'::regclass
                                                AND d.objid = e.oid AND d.deptype = 'e')
 UNION ALL
SELECT 'publications', pubname FROM pg_publication
 UNION ALL
SELECT 'subscriptions', subname FROM pg_subscription AS s
  JOIN pg_database AS d ON d.oid = s.subdbid WHERE d.datname = current_database()
 UNION ALL
SELECT 'foreign servers', grantee.name || ' may use ' || object.name
  FROM (SELECT srvname, srvacl, srvowner, 'S' FROM pg_foreign_server
         UNION ALL
        SELECT fdwname, fdwacl, fdwowner, 'F' FROM pg_foreign_data_wrapper)
    AS object(name, acl, owner, kind)
 CROSS JOIN aclexplode(COALESCE(acl, acldefault(kind::"char", owner))) AS held
  JOIN grantee ON grantee.oid = held.grantee
 UNION ALL
SELECT 'user mappings', grantee.name || ' on ' || m.srvname
  FROM pg_user_mappings AS m JOIN grantee ON grantee.oid = m.umuser
 UNION ALL
SELECT 'extensions',
       pg_describe_object(d.classid, d.objid, d.objsubid) || ' is part of ' || x.extname
  FROM pg_depend AS d JOIN pg_extension AS x ON x.oid = d.refobjid
  LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
  LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
   AND d.classid <> 'pg_type'::regclass
   AND (x.extname = 'plpgsql' AND d.objid >= 16384
        OR pg_get_userbyid(COALESCE(c.relowner, p.proowner)) = ANY (%(ours)s))
"""  # noqa: S608 - constants only
KINDS = (
    *("event triggers", "publications", "subscriptions"),
    *("foreign servers", "user mappings", "extensions"),
)


def check(cursor: Any) -> Iterator[Finding]:
    yield finding("server", "grants", _listed(cursor, GRANTS, "{} holds {}"))
    yield finding("server", "functions", _listed(cursor, REPLACED, "{} is not the server's own"))
    yield finding("server", "closed functions", _open_functions(cursor))
    yield finding("server", "parameters", _listed(cursor, PARAMETERS, "{} holds {}"))
    yield finding("session", "settings", _listed(cursor, SETTINGS, "{}={}"))
    yield finding("roles", "default privileges", _default_privileges_fault(cursor))
    cursor.execute(CARRIERS, {"ours": OURS})
    found = cursor.fetchall()
    for kind in KINDS:
        yield finding("database", kind, ", ".join(sorted(name for k, name in found if k == kind)))


def _listed(cursor: Any, query: str, line: str) -> str:
    cursor.execute(query, {"ours": OURS})
    return ", ".join(sorted(line.format(*row) for row in cursor.fetchall()))


def _open_functions(cursor: Any) -> str:
    cursor.execute(CLOSED, {"ours": OURS})
    functions = cursor.fetchall()
    cursor.execute(OWNED_BY_SUPERUSER)
    (by_superuser,) = cursor.fetchone()
    if not by_superuser and all(open_to or by_initdb for _, by_initdb, open_to in functions):
        return ""
    found = [f"{name} to {', '.join(open_to)}" for name, _, open_to in functions if open_to]
    if not found:
        return ""
    return f"open: {'; '.join(found)} (create_database_roles closes them, run by a superuser)"


def _default_privileges_fault(cursor: Any) -> str:
    cursor.execute(BORN, {"ours": OURS})
    entries = cursor.fetchall()
    found = {entry for entry in entries if entry[3] is not None}
    wanted = {
        (OWNER, schema, kind, role, privilege)
        for (schema, kind), grants in DEFAULT_PRIVILEGES.items()
        for role, privileges in grants.items()
        for privilege in privileges
    }
    faults = [
        f"{role} would hold {privilege} on {owner}'s {kind}"
        for owner, _, kind, role, privilege in sorted(found - wanted)
    ]
    kept = {(schema, kind) for owner, schema, kind, *_ in entries if owner == OWNER}
    if any(not schema and (schema, kind) not in kept for schema, kind in DEFAULT_PRIVILEGES):
        faults.append(f"public would run {OWNER}'s functions")
    return ", ".join(faults)
