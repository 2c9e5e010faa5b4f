"""What the machinery is told: alive, ready, and nothing else."""

import pytest
from django.db import DatabaseError, OperationalError

from agenhood import health
from agenhood.runtime.sandbox.state import State
from tests import postgres
from workspaces.isolation.finding import Finding


@pytest.fixture
def planted_fault(committed_db):
    """A table that the database's owner forgot to isolate, until the test is over."""
    with postgres.superuser() as superuser:
        superuser.execute("ALTER TABLE fleet_project NO FORCE ROW LEVEL SECURITY")
        yield
        superuser.execute("ALTER TABLE fleet_project FORCE ROW LEVEL SECURITY")


def test_alive_without_asking_the_database(client, django_db_blocker):
    with django_db_blocker.block():
        response = client.get("/livez")

    assert (response.status_code, response.text) == (200, "ok\n")
    assert response["Content-Type"] == "text/plain"
    assert not response.cookies


def test_ready_when_the_database_keeps_workspaces_apart(client, db):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.text.startswith("ok\n")
    assert not response.cookies


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "unknown, no worker has begun here"),
        (State("bubblewrap", True, "", "2026-01-01T00:00:00+00:00"), "bubblewrap, available"),
        (State("docker", False, "/run/docker.sock: no", "2026-01-01"), "docker, unavailable"),
    ],
)
def test_whether_agents_can_run_is_said_and_why_not_is_not(client, db, monkeypatch, found, said):
    """The console is ready without: it shows what was done."""
    monkeypatch.setattr(health, "state", lambda: found)
    response = client.get("/readyz")

    assert (response.status_code, response.text) == (200, f"ok\nsandbox: {said}\n")


def test_not_ready_while_the_database_does_not_keep_workspaces_apart(client, planted_fault):
    response = client.get("/readyz")

    assert (response.status_code, response.text) == (503, "not ready\n")


@pytest.mark.parametrize("error", [OperationalError, DatabaseError])
def test_not_ready_while_the_database_does_not_answer(client, db, monkeypatch, error):
    def unreachable():
        raise error("connection to server at 192.0.2.7 failed: password=hunter2")

    monkeypatch.setattr(health, "faults", unreachable)
    response = client.get("/readyz")

    assert (response.status_code, response.text) == (503, "not ready\n")


def test_strangers_are_not_told_what_is_wrong(client, db, monkeypatch):
    fault = Finding("fleet_project", "policy", ok=False, detail="has 2 policies, not one")
    monkeypatch.setattr(health, "faults", lambda: [fault])

    assert client.get("/readyz").text == "not ready\n"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_no_session_and_no_https_are_needed(client, db, settings, path):
    """The machinery asks over plain HTTP from inside, and follows no redirect."""
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path).status_code == 200
    assert client.get("/offline/").status_code == 301


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "evil.example", "a b", ""])
def test_a_probe_may_call_the_console_what_it_likes(client, db, settings, host):
    """It names the machine's address; everywhere else an unknown Host is refused."""
    settings.ALLOWED_HOSTS = ["console.example"]

    for path in ("/livez", "/readyz"):
        assert client.get(path, headers={"host": host}).status_code == 200
    for path in ("/", "/sign-in/", "/livez/", "/readyz/more", "/w/livez"):
        assert client.get(path, headers={"host": host}).status_code == 400
