"""The embedded PostgreSQL: one server for one data folder, reached through a unix socket only.

    server = EmbeddedPostgres(Path("/srv/agenhood"))
    server.start()                        # or attaches to the one that runs there already
    psycopg.connect(server.conninfo())    # as superuser, which only the launching user may be
    server.stop()                         # the last process that uses it ends it

In the data folder, `postgres/` (the cluster and the socket) belongs to the server's user. What root
writes stays outside it, where that user cannot plant a link: docs/adr/0011-embedded-postgresql.md.
"""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agenhood.launcher.binaries import binaries_folder
from agenhood.launcher.cluster import ENVIRONMENT, SUPERUSER, make_cluster, write_access_rules
from agenhood.launcher.commands import last_lines
from agenhood.launcher.data import exclusive, make_data_folder, open_lock, refuse_unreachable
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.processes import wait_until_gone, works_in
from agenhood.launcher.server_user import ServerUser, server_user
from agenhood.launcher.socket_folder import PORT, make_socket_folder, socket_folder

START_TIMEOUT_SECONDS = 120  # recovery after a crash can take a while
STOP_TIMEOUT_SECONDS = 60

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # Statements and details hold what people wrote: not for the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """The PostgreSQL server of one data folder, shared by the processes that started it.

    `durable=False` is for tests: faster, and a crash of the machine may lose the data.
    """

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.data = data.resolve()
        self.log = self.data / "postgres.log"
        self.cluster = self.data / "postgres" / "cluster"
        self.socket_folder = socket_folder(self.data / "postgres")
        self.durable = durable
        self._usage: int | None = None  # descriptor of the shared lock that says "in use"
        self._process: subprocess.Popen[bytes] | None = None  # if it was started from here

    def start(self) -> bool:
        """Start the server unless it runs already; return whether this call started it.

        Returns when it answers. Raises LauncherError with the reason when it cannot.
        """
        user = server_user()
        make_data_folder(self.data)
        refuse_unreachable(self.data, user)
        with exclusive(self.data / "postgres.lock"):
            usage = open_lock(self.data / "postgres.users")
            try:
                fcntl.flock(usage, fcntl.LOCK_SH)
                started = not self._attach()
                if started:
                    self._launch(user)
            except BaseException:
                os.close(usage)
                raise
            self._usage = usage
        return started

    def stop(self) -> None:
        """Stop using the server, and end it if no other process uses it. Safe to call twice."""
        if self._usage is None:
            return
        with exclusive(self.data / "postgres.lock"):
            try:
                fcntl.flock(self._usage, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._end()
            except BlockingIOError:
                pass  # another process goes on using it
            finally:
                os.close(self._usage)
                self._usage = None
                if self._process is not None:
                    self._process.poll()  # leave no zombie of one that died

    def conninfo(self, database: str = "postgres") -> str:
        """Return the connection string of the superuser, whom the server knows by our user id."""
        host = str(self.socket_folder)
        return make_conninfo(host=host, port=PORT, user=SUPERUSER, dbname=database)

    def url(self, role: str, password: str, database: str) -> str:
        """Return the URL of a role's login, for Django, psycopg and libpq's own tools alike."""
        host = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={host}&port={PORT}"

    def ensure_database(self, name: str) -> None:
        """Create the database `name`, owned by the superuser, if there is none."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def pid(self) -> int | None:
        """Return the running server's process id; None if only a killed one's file is there."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if works_in(pid, self.cluster) else None

    def _attach(self) -> bool:
        pid = self.pid()
        return pid is not None and self._wait_until_it_answers(pid)

    def _launch(self, user: ServerUser) -> None:
        self._clear_after_crash()
        programs = binaries_folder(self.data)
        make_cluster(self.cluster, programs, user, durable=self.durable)
        if self.socket_folder != self.cluster.parent:
            make_socket_folder(self.socket_folder, user)
        quoted_folder = '"{}"'.format(str(self.socket_folder).replace('"', '""'))
        settings = SETTINGS | write_access_rules(self.data)
        settings |= {"unix_socket_directories": quoted_folder}
        settings |= {} if self.durable else NOT_DURABLE
        if self.log.exists():
            self.log.replace(self.log.with_name("postgres.log.1"))
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                [
                    *(programs / "postgres", "-D", self.cluster),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                cwd="/",
                umask=0o077,
                start_new_session=True,  # Ctrl-C is for the launcher, which ends things in order
                **user.identity,
            )
        finally:
            os.close(log)
        try:
            answers = self._wait_until_it_answers(self._process.pid)
        except BaseException:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            raise
        if not answers:
            raise LauncherError(
                f"PostgreSQL did not start. Its log, {self.log}, ends with:\n"
                f"{last_lines(self.log.read_text(errors='replace'))}"
            )

    def _end(self) -> None:
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGINT)  # "fast": open transactions are rolled back
            if not wait_until_gone(self.cluster, timeout_seconds=STOP_TIMEOUT_SECONDS):
                os.kill(pid, signal.SIGQUIT)
                wait_until_gone(self.cluster, timeout_seconds=STOP_TIMEOUT_SECONDS)
        if self._process is not None:
            self._process.wait()

    def _wait_until_it_answers(self, pid: int) -> bool:
        """Wait for a connection; return False if the process ends instead. Raises LauncherError."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            try:
                psycopg.connect(self.conninfo(), connect_timeout=10).close()
                return True
            except psycopg.OperationalError as error:
                if not self._may_still_answer(pid):
                    return False
                if time.monotonic() > deadline:
                    raise LauncherError(f"PostgreSQL runs but does not answer: {error}") from None
            time.sleep(0.02)

    def _may_still_answer(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None  # at first it does not work in the cluster yet
        return works_in(pid, self.cluster)

    def _clear_after_crash(self) -> None:
        """Remove the lock files of a server that was killed. Raises LauncherError.

        PostgreSQL would do so itself, but takes a zombie, or an unrelated process that was given
        the same id, for the server. Nothing is removed while a child of the old server lives.
        """
        if not wait_until_gone(self.cluster, timeout_seconds=10):
            raise LauncherError(
                f"Processes of an earlier PostgreSQL still work in {self.cluster}. End them first:"
                f" fuser -v {self.cluster} names them."
            )
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        (self.socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
