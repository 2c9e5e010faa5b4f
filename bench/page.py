"""What the tenancy adds to a page: the list of 25 projects with it, and written by hand."""

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.test import override_settings

from accounts.models import User
from bench.browsing import get, sign_in
from bench.connections import open_connection, through
from bench.rows import TRAVELLER, fill
from bench.server import Server
from bench.timing import Measured, interleaved
from workspaces.database.roles import BACKUP
from workspaces.models import Workspace

DATABASE = "bench_page"
SLUG = "workspace-7"
ROWS = 25

OURS = "project list, tenancy on"
BY_HAND = "project list, by hand"
AGAIN = "project list, by hand, on another connection"
NO_LOOKUP = "project list, by hand, membership not asked for"


@override_settings(ROOT_URLCONF="bench.baseline")
def measure(server: Server, *, rounds: int) -> Measured:
    server.make_database(DATABASE)
    with server.superuser(DATABASE) as connection:
        fill(connection, workspaces=10, projects=28)  # 25 of them not archived
    restricted = open_connection(server.url(DATABASE))
    exempt, another = (open_connection(server.url(DATABASE, BACKUP)) for _ in range(2))
    with through(exempt):
        workspace: Workspace = QuerySet(Workspace).get(slug=SLUG)
        user = User.objects.get(pk=TRAVELLER)
    with through(restricted):
        session_key = sign_in(user, workspace.pk)

    console = WSGIHandler()
    with override_settings(MIDDLEWARE=_without_workspaces()):
        by_hand = WSGIHandler()

    def ask(application: Any, path: str, connection: BaseDatabaseWrapper) -> Callable[[], bytes]:
        def request() -> bytes:
            with through(connection):
                return get(application, path, session_key)

        return request

    pages = {
        OURS: ask(console, f"/w/{SLUG}/projects/", restricted),
        BY_HAND: ask(by_hand, f"/by-hand/{SLUG}/", exempt),
        AGAIN: ask(by_hand, f"/by-hand/{SLUG}/", another),
        NO_LOOKUP: ask(by_hand, f"/no-lookup/{SLUG}/", exempt),
    }
    _refuse_different([page() for page in pages.values()])
    statements = {
        name: _statements(pages[name], restricted if name == OURS else exempt)
        for name in (OURS, BY_HAND, NO_LOOKUP)
    }
    timings = interleaved(pages, rounds=rounds)
    median = {name: timing.median for name, timing in timings.items()}
    figures = {
        "page_ratio": median[OURS] / median[BY_HAND],
        "page_extra_statements": statements[OURS] - statements[BY_HAND],
        "page_ratio_no_lookup": median[OURS] / median[NO_LOOKUP],
        "page_extra_statements_no_lookup": statements[OURS] - statements[NO_LOOKUP],
        "page_ratio_control": median[AGAIN] / median[BY_HAND],
        "page_ms": median[OURS],
    }
    return Measured(figures, timings)


def _without_workspaces() -> list[str]:
    return [name for name in settings.MIDDLEWARE if not name.startswith("workspaces.")]


def _refuse_different(pages: list[bytes]) -> None:
    """Raise RuntimeError unless the pages are the same list, but for their CSRF tokens."""
    without_tokens = {re.sub(rb'value="\w{64}"', b"", page) for page in pages}
    if len(without_tokens) > 1 or pages[0].count(b'class="row-link"') != ROWS:
        raise RuntimeError(f"The pages to compare are not the same list of {ROWS} projects.")


def _statements(page: Callable[[], bytes], connection: BaseDatabaseWrapper) -> int:
    """Count the statements of a page. BEGIN and COMMIT, which the driver sends, do not count."""
    sent = 0

    def count(execute: Any, *statement: Any) -> Any:
        nonlocal sent
        sent += 1
        return execute(*statement)

    with connection.execute_wrapper(count):
        page()
    return sent
