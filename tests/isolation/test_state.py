"""What outlives a request, and must not carry one workspace's data into another one's."""

import logging
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db.utils import DataError, ProgrammingError
from django.test import Client

from tests.factories import MembershipFactory, UserFactory
from tests.isolation.sides import Sides
from tests.isolation.sql import rows, run
from tests.postgres import DATA, superuser
from workspaces import recents
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    file
    for folder in ("accounts", "workspaces", "agenhood")
    for file in (ROOT / folder).rglob("*.py")
]


@pytest.fixture
def signed_in(client: Client, sides: Sides) -> Client:
    user = UserFactory()
    for side in (sides.acme, sides.globex):
        MembershipFactory(workspace=side.workspace, user=user, role=Role.OPERATOR)
    client.force_login(user)
    return client


@pytest.mark.parametrize("page", ["", "projects/", "projects/new/", "members/", "nothing/"])
def test_no_cache_keeps_a_workspaces_page(signed_in: Client, page: str) -> None:
    """Vectors 26, 27: neither a browser's nor a proxy's; a fragment is not a page."""
    response = signed_in.get(f"/w/acme/{page}")

    assert response["Cache-Control"] == "private, no-store"
    assert "HX-Request" in response["Vary"]
    assert not response.has_header("ETag")
    assert not response.has_header("Last-Modified")


def test_a_conditional_request_gets_the_page_anew(signed_in: Client) -> None:
    """Vector 26."""
    conditions = {"If-None-Match": "*", "If-Modified-Since": "Sun, 01 Jan 2040 00:00:00 GMT"}

    assert signed_in.get("/w/acme/projects/", headers=conditions).status_code == 200


def test_pages_leave_nothing_in_the_shared_cache(signed_in: Client) -> None:
    """Vector 26: it holds counts of attempts, and no page ever looks there."""
    signed_in.get("/w/acme/projects/")
    signed_in.get("/w/globex/projects/")

    with superuser() as past_everything:
        assert past_everything.execute("SELECT count(*) FROM django_cache").fetchone() == (0,)
    assert cache.get("anything") is None


def test_the_session_keeps_ids_of_workspaces_and_nothing_inside(
    sides: Sides, signed_in: Client
) -> None:
    """Vectors 18, 28."""
    signed_in.get("/w/acme/projects/")
    signed_in.get("/w/globex/projects/")

    kept = {key: value for key, value in signed_in.session.items() if "_auth" not in key}
    assert set(kept) <= {recents.ACTIVE, recents.RECENT, "account_authentication_methods"}
    assert kept[recents.RECENT] == [str(sides.globex.workspace.pk), str(sides.acme.workspace.pk)]


def test_a_forged_session_opens_nothing(sides: Sides, client: Client) -> None:
    """Vector 18: the ids that a session holds are never taken at their word."""
    client.force_login(MembershipFactory().user)
    session = client.session
    session[recents.ACTIVE] = str(sides.acme.workspace.pk)
    session[recents.RECENT] = [str(sides.acme.workspace.pk)]
    session.save()

    assert "acme" not in client.get("/workspaces/").text
    assert client.get("/").url != "/w/acme/"
    assert client.get("/w/acme/").status_code == 404


def test_signing_out_ends_the_session_on_the_server(signed_in: Client) -> None:
    """Vector 27: a kept cookie is worth nothing afterwards."""
    signed_in.get("/w/acme/")
    cookie = signed_in.cookies[settings.SESSION_COOKIE_NAME].value
    signed_in.post("/sign-in/out/")
    later = Client()
    later.cookies[settings.SESSION_COOKIE_NAME] = cookie

    assert later.get("/w/acme/").status_code == 302


def test_no_code_caches_across_requests() -> None:
    """Vector 28: what may be kept per process is listed here, and none of it is a workspace's."""
    kept = {
        (str(file.relative_to(ROOT)), line.strip())
        for file in SOURCES
        for line in file.read_text().splitlines()
        if re.match(r"\s*@(functools\.)?(lru_)?cache\b", line)
        or re.search(r"threading\.local|cache_page|@cached_property", line)
    }

    assert {name for name, _ in kept} <= {
        "accounts/forms.py",  # the names of time zones
        "agenhood/api/views.py",  # the API's document
        "agenhood/fleet/agent_files/disk.py",  # what this machine can
        "agenhood/fleet/agent_files/mounting.py",  # the C library
        "agenhood/fleet/task_page.py",  # on a page, which one request makes for itself
        "agenhood/fleet/forms/agent.py",  # on a form, which one request makes for itself
        "agenhood/runtime/drivers/llm/models.py",  # the certificates of authorities
        "agenhood/runtime/sandbox/cgroups.py",  # what this machine can
        "workspaces/isolation/functions.py",  # what the migrations say
        "workspaces/isolation/triggers.py",  # the same
        "workspaces/middleware.py",  # the admin site's path
    }


def test_no_global_name_is_shared_between_workspaces() -> None:
    """Vector 31: what is named for all is listed here, and says nothing to who knows its name.

    The channel carries ids, and whoever hears them reads what they mean under row security: see
    tests/live. The lock of a workspace's queue holds nobody else up but by a collision of hashes.
    """
    used = re.compile(r"pg_notify|\bLISTEN\b|\bNOTIFY\b|pg_advisory|pg_try_advisory")

    assert {str(file.relative_to(ROOT)) for file in SOURCES if used.search(file.read_text())} == {
        "agenhood/fleet/live.py",
        "agenhood/fleet/queue.py",
        "agenhood/live/listener.py",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/static/../agenhood/settings.py",
        "/static/%2e%2e/agenhood/settings.py",
        "/static//etc/passwd",
        "/static/..%5cmanage.py",
    ],
)
def test_static_files_lead_nowhere_else(db: None, client: Client, path: str) -> None:
    """Vector 29."""
    assert client.get(path).status_code == 404


def test_logs_name_no_workspaces_content(
    sides: Sides, signed_in: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Vector 33: what people wrote is in no line, also when a request is refused or fails."""
    caplog.set_level(logging.DEBUG)
    signed_in.post("/w/acme/projects/new/", {"name": "Kestrel secret"})
    signed_in.post("/w/acme/projects/new/", {"name": "Kestrel secret"})
    signed_in.get("/w/acme/projects/", {"q": "Kestrel secret"})
    signed_in.post(
        f"/w/acme/projects/{sides.globex.project.pk}/rename/", {"name": "Kestrel secret"}
    )

    lines = [r.getMessage() for r in caplog.records if not r.name.startswith("django.db")]
    assert not [line for line in lines if "Kestrel" in line]


def test_the_servers_log_holds_no_statement(committed_db: None) -> None:
    """Vectors 33, 57: not even of a statement that failed."""
    member = MembershipFactory()
    with pytest.raises(DataError, match="Kestrel"), workspace_scope(member.workspace_id):
        run("SELECT 'Kestrel secret'::int")
    log = (DATA / "postgres.log").read_text()

    assert "STATEMENT" not in log


@pytest.mark.parametrize(
    "statements",
    ["SELECT query FROM pg_stat_activity", "SELECT pg_stat_get_backend_activity(1)"],
)
def test_nobody_sees_what_other_connections_run(db: None, statements: str) -> None:
    """Vector 33: all of the console's connections log in as one role, and values are in them."""
    member = MembershipFactory()
    for scope in (workspace_scope(member.workspace_id), platform_scope("test")):
        with pytest.raises(ProgrammingError, match="permission denied for function"), scope:
            rows(statements)
