from functools import partial

import psycopg
import pytest

from agenhood.launcher import database as module
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.postgres import EmbeddedPostgres
from workspaces.database import roles

database = partial(module.database, repair_roles=True)


@pytest.fixture
def other_server(data):
    """A server that is not the instance's own, with an administrator who is no superuser."""
    server = EmbeddedPostgres(data.with_name("other"), durable=False)
    server.start()
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE boss LOGIN CREATEROLE BYPASSRLS PASSWORD 'boss'")
        connection.execute("GRANT pg_read_all_data TO boss WITH ADMIN OPTION")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        connection.execute("CREATE DATABASE shared OWNER boss")
    yield server
    server.stop()


@pytest.fixture
def made(data):
    data.mkdir(mode=0o711)
    return data


def user_of(url: str) -> tuple[str, str]:
    with psycopg.connect(url) as connection:
        return connection.info.user, connection.info.dbname


def test_embedded_by_default_with_three_logins_that_stay(data):
    with database(data) as first:
        assert user_of(first["DATABASE_URL"]) == ("agenhood_app", "agenhood")
        assert user_of(first["AGENHOOD_OWNER_DATABASE_URL"]) == ("agenhood_owner", "agenhood")
        assert user_of(first["AGENHOOD_BACKUP_DATABASE_URL"]) == ("agenhood_backup", "agenhood")
        (data / "env").unlink()  # lost secrets are made anew, and the roles follow
        with database(data) as second:
            assert second != first
            assert user_of(second["DATABASE_URL"]) == ("agenhood_app", "agenhood")
        with database(data) as third:
            assert third == second


def test_roles_are_set_right_only_when_asked_or_missing(made_data):
    def administrator_says(statement: str):
        with psycopg.connect(EmbeddedPostgres(made_data).conninfo("agenhood")) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None

    bypasses = "SELECT rolbypassrls FROM pg_roles WHERE rolname = 'agenhood_app'"
    as_they_are = partial(module.database, repair_roles=False)
    with as_they_are(made_data) as made:
        assert user_of(made["DATABASE_URL"])[0] == "agenhood_app"
        administrator_says("ALTER ROLE agenhood_app BYPASSRLS")
        with as_they_are(made_data):
            assert administrator_says(bypasses) is True
        administrator_says("ALTER ROLE agenhood_platform RENAME TO gone")
        with as_they_are(made_data):
            assert administrator_says(bypasses) is False
        administrator_says("ALTER ROLE agenhood_app BYPASSRLS")
        with database(made_data):
            assert administrator_says(bypasses) is False


def test_an_administrators_login_makes_the_roles_in_its_database(made, other_server, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", other_server.url("boss", "boss", "shared"))
    with database(made) as logins:
        assert user_of(logins["DATABASE_URL"]) == ("agenhood_app", "shared")
        assert user_of(logins["AGENHOOD_OWNER_DATABASE_URL"]) == ("agenhood_owner", "shared")
        app_url = logins["DATABASE_URL"]
    assert not (made / "postgres").exists()
    with database(made) as repaired:  # who is no superuser may say nothing of SUPERUSER again
        assert repaired == logins

    monkeypatch.setenv("DATABASE_URL", app_url)
    with pytest.raises(LauncherError, match="AGENHOOD_OWNER_DATABASE_URL"), database(made):
        pass
    monkeypatch.setenv("AGENHOOD_OWNER_DATABASE_URL", logins["AGENHOOD_OWNER_DATABASE_URL"])
    with database(made) as ready:
        assert ready["DATABASE_URL"] == app_url
    monkeypatch.setattr(module, "OLDEST_SERVER", 99)
    with pytest.raises(LauncherError, match=r"PostgreSQL 18: Agenhood needs 99"), database(made):
        pass


def test_a_login_that_cannot_make_roles_is_refused(made, other_server, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", other_server.url("guest", "guest", "postgres"))
    with pytest.raises(LauncherError, match='login "guest" cannot set up'), database(made):
        pass


def test_a_server_that_is_too_old_is_refused(made, other_server, monkeypatch):
    monkeypatch.setattr(roles, "OLDEST_SERVER", 99)
    monkeypatch.setenv("DATABASE_URL", other_server.url("boss", "boss", "shared"))
    with pytest.raises(LauncherError, match="PostgreSQL 18 is too old"), database(made):
        pass


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://boss:secret-word@127.0.0.1:9/shared", "cannot be reached"),
        ("mysql://boss:secret-word@localhost/shared", "cannot be read"),
    ],
)
def test_a_url_that_leads_nowhere_is_explained(made, monkeypatch, url, reason):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(LauncherError, match=reason) as refused, database(made):
        pass
    assert "secret-word" not in str(refused.value)


def test_a_login_keeps_the_place_and_options_of_the_url():
    url = "postgresql://boss:x@db.example.org:6000/shared?sslmode=verify-full"
    assert module._with_login(url, "agenhood_app", "p/w", "shared") == (
        "postgresql://agenhood_app:p%2Fw@db.example.org:6000/shared?sslmode=verify-full"
    )
