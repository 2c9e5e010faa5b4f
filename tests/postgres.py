"""A PostgreSQL of its own for each test run, and a database of its own for each worker of it.

Loaded as a plugin, before Django reads its settings. The first process makes the roles and one
migrated database, which every worker copies; tests connect as the restricted role, as the console
does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agenhood.launcher.postgres import EmbeddedPostgres
from workspaces.database.roles import APP, BACKUP, OWNER, create_database_roles

PASSWORDS = {APP: "app", OWNER: "owner", BACKUP: "backup"}
TEMPLATE = "agenhood_template"
ROOT = Path(__file__).resolve().parent.parent

if "AGENHOOD_TEST_DATA" not in os.environ:
    os.environ["AGENHOOD_TEST_DATA"] = tempfile.mkdtemp(prefix="agenhood-test-")
    STARTED_HERE = True
else:
    STARTED_HERE = False
DATA = Path(os.environ["AGENHOOD_TEST_DATA"])
DATABASE = f"agenhood_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

server = EmbeddedPostgres(DATA, durable=False)
# The folder of a pooler's socket, if the console's login goes through one: test_pgbouncer.py.
POOLER = os.environ.get("AGENHOOD_TEST_PGBOUNCER", "")


def url(role: str, database: str = DATABASE) -> str:
    """Return the URL of a role's login to a test database."""
    return server.url(role, PASSWORDS[role], database)


def superuser(database: str = DATABASE) -> psycopg.Connection[Any]:
    """Connect past all row security: to plant faults, and to see what really is stored."""
    return psycopg.connect(server.conninfo(database), autocommit=True)


os.environ |= {
    "AGENHOOD_ENV_FILE": "",
    "AGENHOOD_MODE": "development",
    "AGENHOOD_SECRET_KEY": "a key for tests only",
    "AGENHOOD_MASTER_KEY": "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OS1hYmNkZWY=",
    "AGENHOOD_ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "AGENHOOD_DATABASE_POOL": "0",
    "DATABASE_URL": url(APP).replace(f"={server.socket_folder}&", f"={POOLER}&")
    if POOLER
    else url(APP),
    "EMAIL_URL": "memorymail://",
    "AGENHOOD_FILES": str(DATA / "files"),
    "AGENHOOD_AGENTS": str(DATA / "agents"),
}
os.environ.pop("AGENHOOD_OWNER_DATABASE_URL", None)


def pytest_configure(config: pytest.Config) -> None:
    if STARTED_HERE and not hasattr(config, "workerinput"):
        server.start()
        make_template()


def pytest_unconfigure(config: pytest.Config) -> None:
    if STARTED_HERE and not hasattr(config, "workerinput"):
        server.stop()
        shutil.rmtree(DATA, ignore_errors=True)


def make_template() -> None:
    server.ensure_database(TEMPLATE)
    with superuser(TEMPLATE) as connection:
        create_database_roles(connection, PASSWORDS)
    environment = os.environ | {
        "DATABASE_URL": url(APP, TEMPLATE),
        "AGENHOOD_OWNER_DATABASE_URL": url(OWNER, TEMPLATE),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        check=True,
    )


def make_database(name: str = DATABASE) -> None:
    """Copy the migrated database: for this worker, or for a test that breaks its own."""
    with superuser("postgres") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {OWNER}, {APP}, {BACKUP}")


def empty_database() -> None:
    """Remove every row that a test committed, whoever else reads them just now.

    With DELETE, past foreign keys and triggers: with so few rows it takes a fourth of the time of
    TRUNCATE, which makes a new file of each table and of each index. Where a server that tests
    share waits for this one, and this one for it, PostgreSQL ends one of them; if that is this one,
    it begins anew.
    """
    with superuser() as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename NOT IN"
                " ('django_migrations', 'django_content_type', 'auth_permission')"
            ).fetchall()
        ]
        # Sent as one message, so that it is one transaction.
        empty = "; ".join(
            [
                "SET LOCAL session_replication_role = replica",
                f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE",
                *(f"DELETE FROM {name}" for name in names),
            ]
        )
        for _ in range(5):
            try:
                connection.execute(empty)
                return
            except psycopg.errors.DeadlockDetected:
                continue
        connection.execute(empty)
