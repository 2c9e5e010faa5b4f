"""A PostgreSQL of the run's own, thrown away at its end, started and set up as `make run` does.

It is durable as an operator's: a commit waits for the disk.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from agenhood.launcher.paths import CHECKOUT
from agenhood.launcher.postgres import EmbeddedPostgres
from workspaces.database.roles import APP, BACKUP, OWNER, create_database_roles

PASSWORDS = {APP: "app", OWNER: "owner", BACKUP: "backup"}
TEMPLATE = "agenhood_template"


@dataclass(frozen=True, slots=True)
class Server:
    postgres: EmbeddedPostgres

    def url(self, database: str, role: str = APP) -> str:
        return self.postgres.url(role, PASSWORDS[role], database)

    def superuser(self, database: str) -> psycopg.Connection[Any]:
        """Connect past all row security, to fill tables and to clear up."""
        return psycopg.connect(self.postgres.conninfo(database), autocommit=True)

    def make_database(self, name: str) -> None:
        """Copy the migrated database, empty, under another name."""
        with self.superuser("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {OWNER}, {APP}, {BACKUP}")


def environment(url: str) -> dict[str, str]:
    """Return what the console's settings read, for a database's URL."""
    return {
        "AGENHOOD_ENV_FILE": "",
        "AGENHOOD_MODE": "development",
        "AGENHOOD_SECRET_KEY": "a key for measurements only",
        "AGENHOOD_MASTER_KEY": "b25seS1mb3ItbWVhc3VyZW1lbnRzLTAxMjM0NTY3ODk=",
        "DATABASE_URL": url,
        "EMAIL_URL": "dummymail://",
        "DJANGO_SETTINGS_MODULE": "agenhood.settings",
    }


@contextmanager
def throwaway_server() -> Iterator[Server]:
    data = Path(tempfile.mkdtemp(prefix="agenhood-bench-"))
    postgres = EmbeddedPostgres(data)
    try:
        postgres.start()
        server = Server(postgres)
        _make_template(server)
        yield server
    finally:
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def _make_template(server: Server) -> None:
    server.postgres.ensure_database(TEMPLATE)
    with server.superuser(TEMPLATE) as connection:
        create_database_roles(connection, PASSWORDS)
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0"],
        cwd=CHECKOUT,
        env=os.environ
        | environment(server.url(TEMPLATE))
        | {"AGENHOOD_OWNER_DATABASE_URL": server.url(TEMPLATE, OWNER)},
        check=True,
    )
