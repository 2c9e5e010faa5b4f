"""The four database roles, and who may do what in the database that holds the workspaces.

    agenhood_owner     owns schemas and tables, runs migrations; no policy lets it see a row
    agenhood_app       the console: reads and writes rows that row security lets it see
    agenhood_platform  the admin site: control tables only; no login, reached by SET LOCAL ROLE
    agenhood_backup    dumps everything, read-only: the one role that bypasses row security

Needs neither Django nor its settings, so that a first start can call it before there are any.
"""

import psycopg
from psycopg import sql

OWNER = "agenhood_owner"
APP = "agenhood_app"
PLATFORM = "agenhood_platform"
BACKUP = "agenhood_backup"

# `NULLS NOT DISTINCT`, `ON DELETE SET NULL (column)` and `security_invoker` views came with 15.
OLDEST_SERVER = 15

ATTRIBUTES = {
    OWNER: "LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    APP: "LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    PLATFORM: "NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    BACKUP: "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS",
}

EXISTING = """
SELECT rolname, concat_ws(' ',
           CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
           CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
           CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
           CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
           CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
           CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
           CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END)
  FROM pg_roles WHERE rolname = ANY (%s)
"""

# What objects that the owner makes are born with: (schema, kind): {role: privileges}. An empty
# schema is all of them, where PUBLIC has nothing either. No TRUNCATE, no REFERENCES, no TRIGGER:
# row security guards none of them.
DEFAULT_PRIVILEGES: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("public", "TABLES"): {APP: ("SELECT", "INSERT", "UPDATE", "DELETE")},
    ("public", "SEQUENCES"): {APP: ("USAGE", "SELECT")},
    ("", "FUNCTIONS"): {},
    ("workspaces", "FUNCTIONS"): {APP: ("EXECUTE",), PLATFORM: ("EXECUTE",)},
}

# Everybody may run these unless they are closed. Large objects have no row security: what one
# workspace's transaction stored, any other one could read. And roles that share a login see in the
# server's statistics what the others run, with the values in it.
CLOSED_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace
   AND (starts_with(p.proname, 'lo_') OR p.proname IN (
        'loread', 'lowrite', 'pg_stat_get_activity', 'pg_stat_get_backend_activity'))
 ORDER BY 1
"""


class RoleSetupError(Exception):
    """The roles cannot be made on this server; the message says why, for an operator."""


def create_database_roles(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    """Create or repair the roles and what they may do in the connected database.

    `connection` is an administrator's: a superuser, or from PostgreSQL 16 on the database's owner
    with CREATEROLE, BYPASSRLS and pg_read_all_data WITH ADMIN OPTION. `passwords` maps each role
    that logs in to its password. Safe to run again.
    Raises RoleSetupError.
    """
    major = connection.info.server_version // 10000
    if major < OLDEST_SERVER:
        raise RoleSetupError(
            f"PostgreSQL {major} is too old: Agenhood needs PostgreSQL {OLDEST_SERVER} or newer."
        )
    try:
        with connection.transaction():
            _create_roles(connection, passwords)
            _grant_privileges(connection)
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error)
        raise RoleSetupError(
            f'The login "{connection.info.user}" cannot set up the database roles on'
            f' "{connection.info.dbname}": {reason}. Use a superuser; from PostgreSQL 16 on, the'
            " database's owner with CREATEROLE, BYPASSRLS and pg_read_all_data WITH ADMIN OPTION"
            " will do."
        ) from error


def _create_roles(connection: psycopg.Connection, passwords: dict[str, str]) -> None:
    existing = {
        role: frozenset(attributes.split())
        for role, attributes in connection.execute(EXISTING, [list(ATTRIBUTES)]).fetchall()
    }
    for role, attributes in ATTRIBUTES.items():
        # Even a NOSUPERUSER that changes nothing is a superuser's to say, so only what differs is.
        missing = [word for word in attributes.split() if word not in existing.get(role, ())]
        verb = "ALTER" if role in existing else "CREATE"
        statement = sql.SQL(f"{verb} ROLE {{}} {' '.join(missing)}").format(sql.Identifier(role))
        if role in passwords:
            # Hashed here, so that the password itself never reaches the server or its log.
            hashed = connection.pgconn.encrypt_password(
                passwords[role].encode(), role.encode(), b"scram-sha-256"
            )
            statement += sql.SQL(" PASSWORD {}").format(sql.Literal(hashed.decode()))
        connection.execute(statement)
    # PostgreSQL 16 keeps INHERIT on each grant, 15 on the role (NOINHERIT above).
    inherit = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= 160000 else ""
    connection.execute(f"GRANT {PLATFORM} TO {APP}{inherit}")
    connection.execute(f"GRANT pg_read_all_data TO {BACKUP}")
    connection.execute(f"ALTER ROLE {BACKUP} SET default_transaction_read_only = on")


def _grant_privileges(connection: psycopg.Connection) -> None:
    superuser = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if superuser == (True,):
        _close_functions(connection)
    else:
        connection.execute(f"GRANT {OWNER} TO CURRENT_USER")
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(
        sql.SQL(f"GRANT CONNECT ON DATABASE {{}} TO {OWNER}, {APP}, {BACKUP}").format(database)
    )
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS workspaces AUTHORIZATION {OWNER}")
    for schema in ("public", "workspaces"):
        connection.execute(f"ALTER SCHEMA {schema} OWNER TO {OWNER}")
        connection.execute(f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {APP}, {PLATFORM}")
    for (schema, kind), grants in DEFAULT_PRIVILEGES.items():
        default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER}"
        if schema:
            default += f" IN SCHEMA {schema}"
        else:
            connection.execute(f"{default} REVOKE ALL ON {kind} FROM PUBLIC")
        for role, privileges in grants.items():
            connection.execute(f"{default} GRANT {', '.join(privileges)} ON {kind} TO {role}")


def _close_functions(connection: psycopg.Connection) -> None:
    """Keep the functions of CLOSED_FUNCTIONS from everybody who is no superuser.

    Only a superuser may say so, and it holds for the connected database only.
    """
    for (function,) in connection.execute(CLOSED_FUNCTIONS).fetchall():
        connection.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        if function.startswith("pg_stat_"):
            connection.execute(f"GRANT EXECUTE ON FUNCTION {function} TO pg_read_all_stats")
