"""What the audit trail costs a small write, and its page among 10 and among 1,000 workspaces.

The write is a request that archives or restores a project; without its entry, the action's
`record` does nothing.
"""

import io
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch
from wsgiref.util import setup_testing_defaults

import psycopg
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db.models import QuerySet

from accounts.models import User
from agenhood.fleet.actions import project as actions
from agenhood.fleet.models import Project
from bench.browsing import get, sign_in
from bench.connections import open_connection, through
from bench.rows import TRAVELLER, fill
from bench.server import Server
from bench.timing import Measured, interleaved
from workspaces.database.roles import BACKUP
from workspaces.models import Workspace

DATABASE = "bench_audit"
ENTRIES = 600  # in each workspace
VISITED = 200
CSRF = "c" * 32
QUERIES = {"newest": "", "denied": "?outcome=denied", "deep": "?after=300"}
WITH, WITHOUT = "archiving a project, audited", "archiving a project, not audited"

# In turn, as a project's rows: those of a workspace lie scattered over the whole table.
FILL = """
INSERT INTO workspaces_auditentry (id, workspace_id, number, time, actor_kind, actor_id,
    actor_label, on_behalf_of, token_prefix, session, action, target_kind, target_id, target_label,
    outcome, reason, ip, user_agent, request_id, changes, previous_hash, hash)
SELECT uuidv7(), w.id, n, now() - make_interval(mins => {entries} - n), 'person',
       gen_random_uuid(), format('person-%s@bench.test', n % 30), '', '', '0123456789abcdef',
       format('project.%s', (ARRAY['change', 'archive', 'restore', 'create'])[1 + n % 4]),
       'project', gen_random_uuid(), format('Project %s', n % 100),
       CASE WHEN n % 50 = 0 THEN 'denied' ELSE 'done' END, '', '192.0.2.7',
       'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', '0123456789abcdef',
       '{{"name": ["before", "after"]}}', sha256(n::text::bytea), sha256(n::text::bytea)
  FROM generate_series(1, {entries}) AS n CROSS JOIN workspaces_workspace AS w
 ORDER BY n, w.id
"""


def measure_cost(server: Server, *, rounds: int) -> Measured:
    server.make_database(DATABASE)
    with server.superuser(DATABASE) as superuser:
        fill(superuser, workspaces=10, projects=28)
    with through(open_connection(server.url(DATABASE, BACKUP))):
        user = User.objects.get(pk=TRAVELLER)
        workspace: Workspace = QuerySet(Workspace).get(slug="workspace-7")
        project: Any = QuerySet(Project).filter(workspace=workspace).order_by("id")[0]
    connection = open_connection(server.url(DATABASE))
    with through(connection):
        session_key = sign_in(user, workspace.pk)
    console = WSGIHandler()
    verbs = itertools.cycle(["archive", "restore"])

    def write() -> None:
        path = f"/w/{workspace.slug}/projects/{project.pk}/{next(verbs)}/"
        with through(connection):
            _post(console, path, session_key)

    def write_without() -> None:
        with patch.object(actions, "record", _nothing):
            write()

    timings = interleaved({WITH: write, WITHOUT: write_without}, rounds=rounds)
    cost = timings[WITH].median / timings[WITHOUT].median
    return Measured({"audit_cost": cost}, timings)


def measure_growth(server: Server, databases: dict[str, str], *, rounds: int) -> Measured:
    """Compare the trail's page in two filled databases, as label: name, the small one first."""
    console = WSGIHandler()
    things: dict[str, Callable[[], object]] = {}
    for label, database in databases.items():
        with server.superuser(database) as superuser:
            _fill_trails(superuser)
        connection = open_connection(server.url(database))
        visits = _visits(server, database, connection)
        for name, query in QUERIES.items():
            things[f"audit {name}, {label}"] = _visitor(console, connection, visits, query)
    timings = interleaved(things, rounds=rounds)
    few, many = databases
    growths = [
        timings[f"audit {name}, {many}"].median / timings[f"audit {name}, {few}"].median
        for name in QUERIES
    ]
    return Measured({"growth_audit": max(growths)}, timings)


def _nothing(*_args: object, **_more: object) -> None:
    """In the place of `record`."""


def _fill_trails(superuser: psycopg.Connection[Any]) -> None:
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(FILL.format(entries=ENTRIES))
    superuser.execute("RESET session_replication_role")
    superuser.execute("VACUUM ANALYZE workspaces_auditentry")


def _visits(server: Server, database: str, connection: Any) -> list[tuple[str, str]]:
    """Return (session of its owner, address) of the trails of some workspaces."""
    unlimited = open_connection(server.url(database, BACKUP))
    with through(unlimited):
        workspaces: list[Workspace] = list(QuerySet(Workspace).order_by("?")[:VISITED])
        owners = {
            user.email: user
            for user in User.objects.filter(email__startswith="owner-", email__endswith=".test")
        }
    unlimited.close()
    with through(connection):
        return [
            (
                sign_in(owners[f"owner-{w.slug.partition('-')[2]}@bench.test"], w.pk),
                f"/w/{w.slug}/audit/",
            )
            for w in workspaces
        ]


def _visitor(
    console: Any, connection: Any, visits: list[tuple[str, str]], query: str
) -> Callable[[], object]:
    order = list(visits)
    random.Random(query).shuffle(order)
    turns: Iterator[tuple[str, str]] = itertools.cycle(order)

    def visit() -> bytes:
        session_key, path = next(turns)
        with through(connection):
            return get(console, path + query, session_key)

    return visit


def _post(application: Any, path: str, session_key: str) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "HTTP_HOST": "localhost",
        "HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={session_key};"
        f" {settings.CSRF_COOKIE_NAME}={CSRF}",
        "HTTP_X_CSRFTOKEN": CSRF,
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(),
    }
    setup_testing_defaults(environ)
    response = application(environ, lambda *_status_and_headers: None)
    response.close()
    if response.status_code != 302:
        raise RuntimeError(f"{path} answered {response.status_code}")
