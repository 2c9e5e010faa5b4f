"""Through PgBouncer in transaction mode, where strangers share one server connection.

Nothing resets that connection between two clients, so whatever outlived a transaction would reach
the next one.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import DatabaseError, connections
from django.test import Client
from django.urls import reverse

from agenhood.fleet.models import Project
from tests import postgres
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from tests.isolation.pgbouncer import PROGRAM, PgBouncer
from tests.isolation.sql import rows, run
from workspaces.models import Membership, Workspace
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import member_scope, person_scope, platform_scope, workspace_scope

T = TypeVar("T")

pytestmark = pytest.mark.xdist_group("pgbouncer")

# Run once more with the console's login going through PgBouncer.
TESTS = [
    "tests/isolation/test_orm_reads.py",
    "tests/isolation/test_orm_writes.py",
    "tests/fleet/views/test_project.py",
    "tests/fleet/views/test_conversation.py",
]
BUT = "not without_row_security"  # the superuser's login goes past PgBouncer

UNTOLD = (
    "SELECT coalesce(current_setting('agenhood.workspace_id', true), ''),"
    " coalesce(current_setting('agenhood.user_id', true), ''),"
    " current_setting('role'), current_setting('transaction_read_only')"
)
NOTHING_TOLD = ("", "", "none", "off")
BACKEND = "SELECT pg_backend_pid()"


@pytest.fixture(autouse=True)
def _needs_pgbouncer() -> None:
    if PROGRAM is None:
        reason = "NOT TESTED, as pgbouncer is not installed: isolation through a pooler"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def workspaces(committed_db: None) -> list[Workspace]:
    """Three of them, each with one project of its name and one member."""
    made = [WorkspaceFactory(name=name, slug=name) for name in ("acme", "globex", "initech")]
    for workspace in made:
        ProjectFactory(workspace=workspace, name=workspace.name)
        MembershipFactory(workspace=workspace, role=Role.OPERATOR)
    return made


@pytest.fixture
def pool(workspaces: list[Workspace], monkeypatch: pytest.MonkeyPatch) -> Iterator[PgBouncer]:
    """One server connection, which all of Django's connections share from here on."""
    with PgBouncer(pool_size=1) as pool:
        connections.close_all()
        monkeypatch.setitem(connections.settings["default"], "HOST", str(pool.folder))
        yield pool
        connections.close_all()
        monkeypatch.undo()


class Console:
    """A process of the console, as PgBouncer sees it: a client connection that stays open."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)

    def run(self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()

    def close(self) -> None:
        self.run(connections.close_all)
        self._thread.shutdown()


@pytest.fixture
def consoles(pool: PgBouncer) -> Iterator[list[Console]]:
    made = [Console() for _ in range(3)]
    yield made
    for console in made:
        console.close()


def member_of(workspace: Workspace) -> Membership:
    with platform_scope("test data"):
        return Membership.objects.select_related("workspace").get(
            workspace=workspace, role=Role.OPERATOR
        )


def names() -> list[str]:
    return [project.name for project in Project.objects.order_by("name")]


def look() -> tuple[list[str], int]:
    """Return what is seen here by SQL that asks for everything, and over which connection."""
    return rows("SELECT name FROM fleet_project"), rows(BACKEND)[0]


def test_clients_of_one_server_connection_each_see_their_own_workspace(
    workspaces: list[Workspace], consoles: list[Console]
) -> None:
    backends = set()
    for turn in range(6):
        for number, console in enumerate(consoles):
            workspace = workspaces[(turn + number) % len(workspaces)]

            def work(workspace: Workspace = workspace) -> tuple[list[str], int]:
                with workspace_scope(workspace.pk):
                    assert names() == [workspace.name]
                    return look()

            seen, backend = console.run(work)
            assert seen == [workspace.name]
            backends.add(backend)

    assert len(backends) == 1


def test_what_is_set_for_a_session_does_reach_the_next_client(
    pool: PgBouncer, consoles: list[Console]
) -> None:
    """That the tests here bite: a setting that is not local to its transaction is a leak."""
    consoles[0].run(lambda: rows("SELECT set_config('agenhood.for_tests', 'left', false)"))

    found = consoles[1].run(lambda: rows("SELECT current_setting('agenhood.for_tests', true)"))

    assert found == ["left"]


SCOPES: dict[str, Callable[[Membership], Any]] = {
    "workspace": lambda m: workspace_scope(m.workspace_id),
    "workspace, for a person": lambda m: workspace_scope(m.workspace_id, user_id=m.user_id),
    "member": lambda m: member_scope(m.workspace.slug, m.user_id),
    "person": lambda m: person_scope(m.user_id),
    "platform": lambda _: platform_scope("a test"),
}


@pytest.mark.parametrize("suspended", [False, True], ids=["", "suspended"])
@pytest.mark.parametrize("end", ["returns", "raises", "fails"])
@pytest.mark.parametrize("kind", SCOPES)
def test_nothing_of_a_scope_survives_its_transaction(
    kind: str,
    end: str,
    suspended: bool,
    workspaces: list[Workspace],
    pool: PgBouncer,
    consoles: list[Console],
) -> None:
    acme, globex, _ = workspaces
    member = member_of(acme)
    if suspended:
        suspend(acme, "unpaid")

    def work() -> int:
        with SCOPES[kind](member):
            told = rows(UNTOLD)[0]
            assert told != NOTHING_TOLD
            assert (told[3] == "on") is (kind == "member" and suspended)
            backend: int = rows(BACKEND)[0]
            if end == "raises":
                raise ZeroDivisionError(backend)
            if end == "fails":
                rows("SELECT 1 / 0")
            return backend

    def next_one() -> None:
        assert rows(UNTOLD) == [NOTHING_TOLD]
        with pytest.raises(DatabaseError, match="no active workspace"):
            rows("SELECT * FROM fleet_project")
        with workspace_scope(globex.pk):
            Project.objects.create(name="written")
            assert names() == ["globex", "written"]

    if end == "returns":
        assert consoles[0].run(work) == consoles[1].run(lambda: rows(BACKEND)[0])
    else:
        with pytest.raises(ZeroDivisionError if end == "raises" else DatabaseError):
            consoles[0].run(work)
    consoles[1].run(next_one)
    assert consoles[0].run(lambda: rows(UNTOLD)) == [NOTHING_TOLD]


def test_a_cursor_that_one_client_leaves_open_is_closed_by_the_next_ones_scope(
    workspaces: list[Workspace], consoles: list[Console]
) -> None:
    acme, globex, _ = workspaces

    def leave_open() -> None:
        with workspace_scope(acme.pk):
            run("DECLARE kept CURSOR WITH HOLD FOR SELECT name FROM fleet_project")

    def next_one() -> list[str]:
        with workspace_scope(globex.pk):
            return rows("SELECT name FROM pg_cursors")

    consoles[0].run(leave_open)
    assert consoles[1].run(lambda: rows("SELECT name FROM pg_cursors")) == ["kept"]
    assert consoles[1].run(next_one) == []


def test_an_exception_in_a_scope_leaves_no_row_and_no_setting(
    workspaces: list[Workspace], consoles: list[Console]
) -> None:
    acme, globex, _ = workspaces

    def work() -> None:
        with workspace_scope(acme.pk):
            Project.objects.create(name="unfinished")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        consoles[0].run(work)

    def next_one(workspace: Workspace) -> list[str]:
        with workspace_scope(workspace.pk):
            return names()

    assert consoles[1].run(lambda: next_one(globex)) == ["globex"]
    assert consoles[0].run(lambda: next_one(acme)) == ["acme"]


@pytest.mark.parametrize("role", ["none", "agenhood_platform"])
def test_a_client_killed_in_a_transaction_leaves_nothing_to_the_next(
    role: str, workspaces: list[Workspace], pool: PgBouncer, consoles: list[Console]
) -> None:
    acme, globex, _ = workspaces
    victim = pool.connect()
    victim.execute("BEGIN")
    victim.execute("SELECT set_config('agenhood.workspace_id', %s, true)", [str(acme.pk)])
    victim.execute("UPDATE fleet_project SET name = 'half done'")
    victim.execute("SELECT set_config('role', %s, true)", [role])

    with socket.socket(fileno=os.dup(victim.fileno())) as link:
        link.shutdown(socket.SHUT_RDWR)  # as the end of its process would, without a farewell

    def next_one(workspace: Workspace) -> list[str]:
        assert rows(UNTOLD) == [NOTHING_TOLD]
        with workspace_scope(workspace.pk):
            return rows("SELECT name FROM fleet_project")

    assert consoles[0].run(lambda: next_one(globex)) == ["globex"]
    assert consoles[1].run(lambda: next_one(acme)) == ["acme"]
    with pytest.raises(psycopg.OperationalError):
        victim.execute("SELECT 1")
    victim.close()


VICTIM = """
import sys, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
connection.execute("BEGIN")
connection.execute("SELECT set_config('agenhood.workspace_id', %s, true)", sys.argv[2:])
connection.execute("DELETE FROM fleet_project")
print("inside", flush=True)
sys.stdin.read()
"""


def test_a_client_killed_by_a_signal_leaves_nothing_to_the_next(
    workspaces: list[Workspace], pool: PgBouncer, consoles: list[Console]
) -> None:
    acme, globex, _ = workspaces
    url = postgres.url("agenhood_app").replace(
        f"={postgres.server.socket_folder}&", f"={pool.folder}&"
    )
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, url, str(acme.pk)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"inside\n"
        victim.send_signal(signal.SIGKILL)

    def next_one(workspace: Workspace) -> list[str]:
        assert rows(UNTOLD) == [NOTHING_TOLD]
        with workspace_scope(workspace.pk):
            return names()

    assert consoles[0].run(lambda: next_one(globex)) == ["globex"]
    assert consoles[0].run(lambda: next_one(acme)) == ["acme"]


def test_threads_that_outnumber_the_connections_keep_to_their_workspaces(
    workspaces: list[Workspace], pool: PgBouncer
) -> None:
    def work(number: int) -> None:
        workspace = workspaces[number % len(workspaces)]
        try:
            for turn in range(5):
                with workspace_scope(workspace.pk):
                    Project.objects.create(name=f"{workspace.name} {number} {turn}")
                    seen, _ = look()
                    assert {name.split()[0] for name in seen} == {workspace.name}
        finally:
            connections.close_all()

    with ThreadPoolExecutor(9) as threads:
        done = list(threads.map(work, range(9)))

    assert done == [None] * 9
    for workspace in workspaces:
        with workspace_scope(workspace.pk):
            assert len(names()) == 1 + 3 * 5


def test_requests_for_different_workspaces_share_a_server_connection(
    workspaces: list[Workspace], consoles: list[Console]
) -> None:
    clients = []
    for workspace in workspaces:
        clients.append(Client())
        clients[-1].force_login(member_of(workspace).user)
    for turn in range(3):
        for number, workspace in enumerate(workspaces):
            console = consoles[(turn + number) % len(consoles)]
            for other in workspaces:
                address = reverse("fleet:project-list", args=[other.slug])
                answer = console.run(lambda c=clients[number], a=address: c.get(a))
                assert answer.status_code == (200 if other == workspace else 404)
                shown = {w.name for w in workspaces if f">{w.name}</a>" in answer.text}
                assert shown == ({workspace.name} if other == workspace else set())


def test_no_statement_is_prepared_and_no_cursor_is_held(
    workspaces: list[Workspace], consoles: list[Console]
) -> None:
    """Either would belong to the server connection, and so to whoever comes next."""

    def work() -> None:
        for _ in range(20):  # psycopg would prepare the sixth
            with workspace_scope(workspaces[0].pk):
                assert names() == ["acme"]
                assert [p.name for p in Project.objects.iterator(chunk_size=1)] == ["acme"]
                assert rows("SELECT name FROM pg_cursors WHERE name <> ''") == []

    consoles[0].run(work)

    assert consoles[1].run(lambda: rows("SELECT name FROM pg_prepared_statements")) == []


def test_the_isolation_tests_pass_through_pgbouncer(committed_db: None) -> None:
    worker = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_pooled"
    with PgBouncer(pool_size=2) as pool:
        environment = os.environ | {
            "PYTEST_XDIST_WORKER": worker,
            "AGENHOOD_TEST_PGBOUNCER": str(pool.folder),
        }
        environment.pop("PYTEST_ADDOPTS", None)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *TESTS, "-k", BUT, "-n", "0", "-q", "--color=no"],
            cwd=postgres.ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        transactions = pool.transactions(f"agenhood_{worker}")

    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert "skipped" not in run.stdout
    assert int(passed[1]) > 100
    assert transactions > 100, "they did not go through it"
