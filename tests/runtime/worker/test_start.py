"""What a worker finds out before its first job."""

from pathlib import Path

import pytest

from agenhood.runtime.sandbox import SandboxUnavailable, state
from agenhood.runtime.sandbox.bubblewrap import Bubblewrap
from workspaces.jobs import start_worker


@pytest.fixture
def noted(settings):
    """Where the web process reads it; there is nothing there yet."""
    file = Path(settings.AGENHOOD_AGENTS) / "sandbox.json"
    file.unlink(missing_ok=True)
    assert state.state() is None
    yield state.state
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
