"""What a worker finds out before its first job."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agenhood.fleet.agent_files.place import keeper
from agenhood.runtime.sandbox import SandboxUnavailable, state
from agenhood.runtime.sandbox.bubblewrap import Bubblewrap
from tests import postgres
from workspaces.jobs import start_worker

# A worker whose start does not come to its end: it sleeps until it is told to end, never longer.
STARTING = """
import django
django.setup()
import time
from django.core.management import call_command
from workspaces import jobs

@jobs.at_worker_start
def hold():
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        print("taken back", flush=True)

call_command("worker")
"""


@pytest.fixture
def noted(settings):
    """Where the web process reads it; there is nothing there yet."""
    file = Path(settings.AGENHOOD_AGENTS) / "sandbox.json"
    file.unlink(missing_ok=True)
    assert state.state() is None
    yield state.state
    keeper.end()
    file.unlink(missing_ok=True)


def test_the_web_process_is_told_that_tasks_can_run(noted):
    start_worker()

    assert (noted().engine, noted().is_available, noted().why) == ("bubblewrap", True, "")


def test_the_web_process_is_told_why_they_cannot(noted, monkeypatch, caplog):
    def fail(self):
        raise SandboxUnavailable("bubblewrap is not installed")

    monkeypatch.setattr(Bubblewrap, "probe", fail)
    start_worker()

    assert (noted().is_available, noted().why) == (False, "bubblewrap is not installed")
    assert "No task can be run here: bubblewrap is not installed" in caplog.text


def test_a_worker_that_is_told_to_end_as_it_begins_takes_back_what_it_began(committed_db):
    with subprocess.Popen(
        [sys.executable, "-c", STARTING],
        cwd=postgres.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert any(line == "begun\n" for line in worker.stdout)
        worker.terminate()
        said, _ = worker.communicate(timeout=30)

    assert (said, worker.returncode) == ("taken back\n", 128 + signal.SIGTERM)
