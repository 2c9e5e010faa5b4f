import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest

from agenhood.launcher import binaries
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.paths import CHECKOUT
from agenhood.launcher.postgres import EmbeddedPostgres
from agenhood.launcher.processes import processes_in


@contextmanager
def running(data: Path, *, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data, durable=durable)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def query(server: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(server.conninfo()) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


HOLD = """
import sys
from pathlib import Path
from agenhood.launcher.paths import CHECKOUT
from agenhood.launcher.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


def test_second_process_attaches_and_the_last_one_out_ends_it(made_data):
    command = [sys.executable, "-c", HOLD, made_data]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=PIPE, stdout=PIPE, text=True) as first:
        assert first.stdout.readline() == "True\n"
        server = EmbeddedPostgres(made_data)
        assert server.start() is False
        first.communicate("")
    assert first.returncode == 0
    assert query(server, "SELECT 1") == 1
    server.stop()
    server.stop()

    assert server.pid() is None
    assert processes_in(server.cluster) == []


def test_data_survives_a_restart(made_data):
    with running(made_data, durable=True) as server:
        query(server, "CREATE TABLE kept AS SELECT 1")
        assert query(server, "SHOW fsync") == "on"
    with running(made_data, durable=True) as server:
        assert query(server, "SELECT count(*) FROM kept") == 1


def test_starts_again_after_kill_9(made_data):
    server = EmbeddedPostgres(made_data)
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 1")
    # Our own child, not waited for: a zombie, which looks alive to kill(pid, 0).
    os.kill(server.pid(), signal.SIGKILL)

    with running(made_data, durable=True) as again:
        assert query(again, "SELECT count(*) FROM kept") == 1
        server.stop()


def test_starts_when_a_stale_pid_belongs_to_another_process(made_data):
    server = EmbeddedPostgres(made_data)
    (server.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{server.cluster}\n")

    with running(made_data) as server:
        assert query(server, "SELECT 1") == 1


def test_an_interrupted_initdb_is_begun_anew(made_data):
    cluster = made_data / "postgres" / "cluster"
    cluster.rename(cluster.with_name("cluster.partial"))

    with running(made_data) as server:
        assert query(server, "SELECT 1") == 1


def test_two_side_by_side_share_nothing(made_data):
    with running(made_data) as one, running(made_data.with_name("other")) as other:
        query(one, "CREATE TABLE mine AS SELECT 1")
        assert query(other, "SELECT to_regclass('mine')") is None


def test_only_the_launching_user_and_passwords_get_in(made_data):
    with running(made_data) as server:
        query(server, "CREATE ROLE guest LOGIN PASSWORD 'right'")
        with psycopg.connect(server.url("guest", "right", "postgres")) as connection:
            assert connection.info.user == "guest"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url("guest", "wrong", "postgres"))
        assert query(server, "SHOW listen_addresses") == ""
        assert stat.S_IMODE((made_data / "postgres").stat().st_mode) == 0o700
        if os.geteuid() == 0:  # the server's own user is no superuser of the database
            assert (made_data / "pg_ident.conf").read_text() == 'launcher "root" postgres\n'
            assert (made_data / "postgres").stat().st_uid != 0
            assert (made_data / "pg_hba.conf").stat().st_uid == 0


def test_statements_and_values_stay_out_of_the_log(made_data):
    with running(made_data) as server:
        query(server, "CREATE TABLE names (name text UNIQUE)")
        query(server, "INSERT INTO names VALUES ('Harrier')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            query(server, "INSERT INTO names VALUES ('Harrier')")
        log = server.log.read_text()
    assert "duplicate key" in log
    assert "Harrier" not in log


def test_a_path_too_long_for_a_socket_gets_a_short_one(made_data):
    long = made_data.rename(made_data.with_name("x" * 100))
    with running(long) as server:
        assert len(bytes(server.socket_folder)) < 60
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert query(server, "SELECT 1") == 1
    server.socket_folder.rmdir()


def test_a_short_socket_folder_of_somebody_else_is_refused(made_data):
    long = made_data.rename(made_data.with_name("y" * 100))
    server = EmbeddedPostgres(long, durable=False)
    server.socket_folder.mkdir(mode=0o755)
    try:
        with pytest.raises(LauncherError, match="not a private folder"):
            server.start()
    finally:
        server.socket_folder.rmdir()


def test_data_of_another_major_version_is_refused(made_data):
    server = EmbeddedPostgres(made_data)
    (server.cluster / "PG_VERSION").write_text("16\n")

    with pytest.raises(LauncherError, match=r"made by PostgreSQL 16.*PostgreSQL 18"):
        server.start()


def test_a_failed_start_gives_the_reason_from_the_log(made_data):
    server = EmbeddedPostgres(made_data)
    with (server.cluster / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = 'plenty'\n")

    with pytest.raises(LauncherError, match=r"did not start(.|\n)*shared_buffers"):
        server.start()


def test_binaries_are_copied_once_where_the_servers_user_cannot_reach_them(made_data, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root starts PostgreSQL as another user")
    monkeypatch.setattr(binaries, "_usable_by_others", lambda _folder: False)
    copied = []
    copy = binaries._copy
    monkeypatch.setattr(binaries, "_copy", lambda *paths: (copied.append(paths), copy(*paths)))

    for _ in range(2):
        with running(made_data) as server:
            program = Path(f"/proc/{server.pid()}/exe").readlink()
    assert program.is_relative_to(made_data)
    assert len(copied) == 1


def test_a_folder_that_the_servers_user_cannot_enter_is_refused(data):
    if os.geteuid() != 0:
        pytest.skip("only root starts PostgreSQL as another user")
    data.parent.chmod(0o700)
    with pytest.raises(LauncherError, match="cannot enter"):
        EmbeddedPostgres(data).start()


def test_url_works_with_any_character_in_the_path(made_data):
    with running(made_data.rename(made_data.with_name("a b'c%d,é"))) as server:
        query(server, "CREATE ROLE guest LOGIN PASSWORD 'p/w'")
        with psycopg.connect(server.url("guest", "p/w", "postgres")) as connection:
            assert connection.info.host == str(server.socket_folder)
    server.socket_folder.rmdir()
