"""`make run` from end to end, as a person would: start, look, stop, start again."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from agenhood.launcher import serve
from agenhood.launcher.errors import LauncherError, explain_os_error, refuse_full_disk
from agenhood.launcher.paths import CHECKOUT
from agenhood.launcher.postgres import EmbeddedPostgres
from agenhood.launcher.processes import lives, processes_in

MAKE = ("make",)
# The promise is 5 seconds on an idle machine; here other tests share its cores.
SECOND_START_SECONDS = 20

BYPASSES_ROW_SECURITY = """
import os
from django.db import connection
cursor = connection.cursor()
cursor.execute('SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user')
os._exit(7 if cursor.fetchone()[0] else 8)
""".strip().replace("\n", "; ")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def make(*arguments: str):
    """Run make; at the end of the block it is asked to end, and must have ended everything."""
    process = subprocess.Popen(
        [*MAKE, *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def started(process: subprocess.Popen) -> str:
    """Return what make printed up to the welcome's last line."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return "".join(lines)
    raise AssertionError(f"make run ended:\n{''.join(lines)}")


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def processes_of(data: Path) -> list[int]:
    """Return the living processes that were started for this data folder."""
    mark = f"AGENHOOD_DATA={data}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0") and lives(int(folder.name)):
                found.append(int(folder.name))
        except (OSError, ValueError):
            continue
    return found + processes_in(data / "postgres" / "cluster")


def running(data: Path, word: bytes) -> list[int]:
    """Return the living processes of this data folder that have the word as an argument."""
    found = []
    for pid in processes_of(data):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def test_make_run(data, port):
    settings = (f"AGENHOOD_DATA={data}", f"PORT={port}")
    with make("run", *settings) as first:
        output = started(first)
        assert f"http://127.0.0.1:{port}/" in output
        password = re.search(r"Password, shown only now: (\S+)", output)
        assert password, output
        assert get(port, "/livez")[0] == 200
        status, page = get(port, "/sign-in/")
        assert status == 200
        assert "password" in page

        [server], [worker] = running(data, b"uvicorn"), running(data, b"worker")
        for pid in (server, worker):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"DATABASE_URL=postgresql://agenhood_app:" in environment
            assert b"agenhood_owner" not in environment
            assert b"agenhood_backup" not in environment

        os.kill(worker, signal.SIGKILL)
        assert any("The worker ended (exit code -9)" in line for line in first.stdout)
        deadline = time.monotonic() + 10
        while running(data, b"worker") in ([], [worker]):
            assert time.monotonic() < deadline
            time.sleep(0.05)

        second = subprocess.run(
            [*MAKE, "run", *settings], cwd=CHECKOUT, capture_output=True, text=True
        )
        assert second.returncode != 0
        assert f"already runs on the data in {data}" in second.stderr
        other = (f"AGENHOOD_DATA={data.with_name('other')}", f"PORT={port}")
        second = subprocess.run(
            [*MAKE, "run", *other], cwd=CHECKOUT, capture_output=True, text=True
        )
        assert f"Port {port} cannot be used" in second.stderr
        assert "Traceback" not in second.stderr

        first.send_signal(signal.SIGTERM)
        last_words, _ = first.communicate(timeout=20)
        assert "Traceback" not in last_words
        assert "Stopped." in last_words
    assert processes_of(data) == []
    serve.refuse_taken_port(port)

    # Killed so that it cannot clean up: the server goes too, and the data is still there.
    with make("run", *settings) as killed:
        began = time.monotonic()
        assert "Password" not in started(killed)
        assert time.monotonic() - began < SECOND_START_SECONDS
        with psycopg.connect(EmbeddedPostgres(data).conninfo("agenhood")) as administrator:
            administrator.execute("ALTER ROLE agenhood_app BYPASSRLS")
        launcher = int((data / "run.lock").read_text().split()[1].rstrip(","))
        os.kill(launcher, signal.SIGKILL)
        killed.communicate(timeout=20)
    deadline = time.monotonic() + 5
    while running(data, b"uvicorn") or running(data, b"worker"):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    # Its exit code is handed on, and it finds the roles as they were left: nothing repairs them.
    answer = subprocess.run(
        [*MAKE, "manage", f"AGENHOOD_DATA={data}", f'ARGS=shell -c "{BYPASSES_ROW_SECURITY}"'],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert "Error 7" in answer.stderr
    assert processes_of(data) == []


@pytest.mark.parametrize("after_seconds", [0.3, 0.6])
def test_a_signal_during_the_preparations_leaves_nothing(data, port, after_seconds):
    with make("run", f"AGENHOOD_DATA={data}", f"PORT={port}") as process:
        for line in process.stdout:
            if "Starting the database" in line:
                break
        time.sleep(after_seconds)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
        last_words, _ = process.communicate(timeout=20)
    assert "Traceback" not in last_words
    assert processes_of(data) == []


def told(*arguments: str) -> str:
    """Return what a make that cannot do it prints; without a traceback."""
    answer = subprocess.run([*MAKE, *arguments], cwd=CHECKOUT, capture_output=True, text=True)
    assert answer.returncode != 0
    assert "Traceback" not in answer.stderr
    return answer.stdout + answer.stderr


def test_a_database_that_cannot_be_reached_was_not_started(data, port):
    url = "DATABASE_URL=postgresql://boss:x@127.0.0.1:9/shared"
    said = told("run", f"AGENHOOD_DATA={data}", f"PORT={port}", url)
    assert "Connecting to the database\n" in said
    assert "Starting the database" not in said
    assert "cannot be reached" in said


@pytest.mark.parametrize("target", [["demo"], ["run", "DEMO=1"]])
def test_no_demo_in_production(data, port, target):
    said = told(*target, f"AGENHOOD_DATA={data}", f"PORT={port}", "AGENHOOD_MODE=production")
    assert f"make demo AGENHOOD_MODE=development AGENHOOD_DATA={data}-demo" in said
    assert not (data / "env").exists(), "a mode that was refused must not stay"


@pytest.mark.parametrize(
    "program", [["-m", "agenhood.launcher.prepare"], ["manage.py", "check_isolation"]]
)
def test_settings_that_production_lacks_are_named(program):
    environment = {**os.environ, "AGENHOOD_ENV_FILE": "", "AGENHOOD_MODE": "production"}
    answer = subprocess.run(
        [sys.executable, *program], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert answer.stderr == "agenhood: Set the AGENHOOD_SECRET_KEY environment variable\n"


def test_port_must_be_a_number(monkeypatch):
    assert serve.chosen_port() == 8000
    for wrong in ("http", "0", "65536", "-1"):
        monkeypatch.setenv("PORT", wrong)
        with pytest.raises(LauncherError, match=f'PORT is "{wrong}"'):
            serve.chosen_port()


def test_a_taken_port_is_named_and_how_to_choose_another(port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(LauncherError, match=rf"Port {port} .*PORT={port + 1}"):
            serve.refuse_taken_port(port)


def test_a_full_disk_is_explained(tmp_path):
    with pytest.raises(LauncherError, match=r"disk is full: \d+ MB are free.*Make room\."):
        refuse_full_disk(tmp_path / "not" / "yet", needed_mb=10**9)
    sentence = explain_os_error(OSError(28, "No space left on device", "/data/env"))
    assert sentence.startswith("The disk is full: /data/env")
    assert explain_os_error(OSError(5, "Input/output error")) is None


def test_help_lists_every_target():
    shown = subprocess.run(MAKE, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "demo", "test", "check", "bench", "isolation-soak", "manage", "lock"):
        assert f"make {target} " in shown
