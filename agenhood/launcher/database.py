"""Which PostgreSQL an instance uses: the embedded one, or that of `DATABASE_URL`.

Both ways end in the same three logins, of the roles that workspaces/database/roles.py makes.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from agenhood.launcher import env_file
from agenhood.launcher.data import exclusive
from agenhood.launcher.env_file import DATABASE_URLS
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.postgres import EmbeddedPostgres
from workspaces.database.roles import (
    APP,
    ATTRIBUTES,
    OLDEST_SERVER,
    OWNER,
    RoleSetupError,
    create_database_roles,
)

NAME = "agenhood"


@contextmanager
def database(data: Path, *, repair_roles: bool) -> Iterator[dict[str, str]]:
    """Yield the variables with which an instance's processes log in, its roles being made.

    Roles that are there already are set right only if `repair_roles`: what asks the database
    whether its roles are right must find them as they were. The embedded server runs at least for
    the block. Raises LauncherError.
    """
    given = os.environ.get("DATABASE_URL")
    repair_roles = repair_roles or not env_file.has_role_passwords(data / "env")
    if not given:
        server = EmbeddedPostgres(data)
        try:
            server.start()
            yield _embedded_logins(server, data, repair_roles=repair_roles)
        finally:
            server.stop()
    elif _login(given) == APP:
        yield _ready_logins(given)
    else:
        yield _logins_made_by(given, data, repair_roles=repair_roles)


def _embedded_logins(server: EmbeddedPostgres, data: Path, *, repair_roles: bool) -> dict[str, str]:
    with exclusive(data / "prepare.lock"):
        server.ensure_database(NAME)
        passwords = env_file.role_passwords(data / "env")
        urls = {key: server.url(role, passwords[role], NAME) for role, key in DATABASE_URLS.items()}
        env_file.update(data / "env", urls)
        _make_roles(server.conninfo(NAME), passwords, repair=repair_roles)
    return urls


def _logins_made_by(admin_url: str, data: Path, *, repair_roles: bool) -> dict[str, str]:
    """Let the administrator's login of `DATABASE_URL` make the roles in the database it names."""
    with exclusive(data / "prepare.lock"):
        passwords = env_file.role_passwords(data / "env")
        name = _make_roles(admin_url, passwords, repair=repair_roles)
        urls = {
            key: _with_login(admin_url, role, passwords[role], name)
            for role, key in DATABASE_URLS.items()
        }
        env_file.update(data / "env", urls)
    return urls


def _ready_logins(app_url: str) -> dict[str, str]:
    """Return logins that somebody else has made: `DATABASE_URL` is the console's own."""
    owner_key = DATABASE_URLS[OWNER]
    if not os.environ.get(owner_key):
        raise LauncherError(
            f"DATABASE_URL logs in as {APP}, which may not change the schema. Give {OWNER}'s login"
            f" for the migrations in {owner_key}, or in DATABASE_URL an administrator's login that"
            " can make the roles."
        )
    with _connect(app_url) as connection:
        major = connection.info.server_version // 10000
    if major < OLDEST_SERVER:
        raise LauncherError(
            f"DATABASE_URL names a PostgreSQL {major}: Agenhood needs {OLDEST_SERVER} or newer."
        )
    return {"DATABASE_URL": app_url, owner_key: os.environ[owner_key]}


def _make_roles(conninfo: str, passwords: Mapping[str, str], *, repair: bool) -> str:
    """Create the roles if one is missing, or to `repair` them; return the name of the database.

    Raises LauncherError.
    """
    with _connect(conninfo) as connection:
        if repair or not _has_roles(connection):
            try:
                create_database_roles(connection, dict(passwords))
            except RoleSetupError as error:
                raise LauncherError(str(error)) from None
        return connection.info.dbname


def _has_roles(connection: psycopg.Connection) -> bool:
    """Tell whether all roles are there, and the schema that is made with them in each database."""
    found = connection.execute(
        "SELECT count(*) = %s AND to_regnamespace('workspaces') IS NOT NULL"
        " FROM pg_roles WHERE rolname = ANY(%s)",
        [len(ATTRIBUTES), list(ATTRIBUTES)],
    )
    return found.fetchone() == (True,)


def _connect(conninfo: str) -> psycopg.Connection:
    try:
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise LauncherError(f"The database of DATABASE_URL cannot be reached: {error}") from None


def _login(url: str) -> str | None:
    """Return the name that a URL logs in with, None if it leaves that to libpq."""
    try:
        user = psycopg.conninfo.conninfo_to_dict(url).get("user")
    except psycopg.ProgrammingError:  # whose message may quote the password
        raise LauncherError(
            "DATABASE_URL cannot be read. It must look like"
            " postgresql://USER:PASSWORD@HOST:5432/DATABASE"
        ) from None
    return None if user is None else str(user)


def _with_login(url: str, role: str, password: str, database_name: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    login = f"{role}:{quote(password, safe='')}@{place}"
    return urlunsplit(parts._replace(netloc=login, path=f"/{quote(database_name, safe='')}"))
