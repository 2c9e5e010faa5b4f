"""Debian's PgBouncer in front of the test server: transaction mode, few server connections."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from agenhood.launcher.server_user import server_user
from agenhood.launcher.socket_folder import PORT
from agenhood.launcher.tools_for_tests import PATH
from tests import postgres
from workspaces.database.roles import APP

PROGRAM = shutil.which("pgbouncer", path=PATH)
START_TIMEOUT_SECONDS = 60

CONFIGURATION = """
[databases]
* = host={server} port={server_port} pool_size={pool_size}

[pgbouncer]
listen_port = {port}
unix_socket_dir = {folder}
unix_socket_mode = 0700
auth_type = plain
auth_file = {folder}/users
admin_users = {admin}
pool_mode = transaction
server_reset_query = DISCARD ALL
ignore_startup_parameters = extra_float_digits
max_client_conn = 200
query_wait_timeout = 60
"""


class PgBouncer:
    """A pooler that runs while the block does; `folder` holds its socket.

    `pool_size` server connections serve all clients of one database. In transaction mode nothing
    resets them between two clients: what a transaction leaves, the next one gets.
    """

    def __init__(self, *, pool_size: int) -> None:
        self.pool_size = pool_size

    def __enter__(self) -> Self:
        assert PROGRAM is not None
        user = server_user()  # as PostgreSQL, it refuses root
        self.folder = Path(tempfile.mkdtemp(prefix="agenhood-pool-"))  # short: a socket's path
        configuration, users = self.folder / "pgbouncer.ini", self.folder / "users"
        configuration.write_text(
            CONFIGURATION.format(
                server=postgres.server.socket_folder,
                server_port=PORT,
                pool_size=self.pool_size,
                port=PORT,
                folder=self.folder,
                admin=APP,
            )
        )
        users.write_text(f'"{APP}" "{postgres.PASSWORDS[APP]}"\n')
        self.log = self.folder / "log"
        if os.geteuid() == 0:
            for path in (self.folder, configuration, users):
                os.chown(path, user.uid, user.gid)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                umask=0o077,
                start_new_session=True,
                **user.identity,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()  # clients that wait for a server would hold up a gentler end
        self._process.wait()
        shutil.rmtree(self.folder)

    def connect(self, database: str = postgres.DATABASE) -> psycopg.Connection[Any]:
        """Connect as the console's role, past Django.

        To the database "pgbouncer", which is its own console, only plain statements can be sent.
        """
        return psycopg.connect(
            host=str(self.folder),
            port=PORT,
            user=APP,
            password=postgres.PASSWORDS[APP],
            dbname=database,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=60,
            cursor_factory=psycopg.ClientCursor,
        )

    def transactions(self, database: str) -> int:
        """Return how many transactions its clients have had in the database."""
        with self.connect("pgbouncer") as console:
            rows = console.cursor(row_factory=dict_row).execute("SHOW STATS").fetchall()
        return sum(row["total_xact_count"] for row in rows if row["database"] == database)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                self.connect("pgbouncer").close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{error}\n{self.log.read_text()}") from error
            time.sleep(0.02)
