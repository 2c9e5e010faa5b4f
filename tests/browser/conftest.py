"""A real browser on the real server, over committed data.

`browse` opens a page as somebody. Whatever goes wrong in it, a console error, a breach of the
content security policy, an answer of 500, fails the test, also when the test looked elsewhere.
A failed test leaves its screenshots and console under tests/browser/failures/.
"""

import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    expect,
    sync_playwright,
)

from accounts.models import User
from agenhood.launcher import serve
from agenhood.launcher.tools_for_tests import PATH, TOOLS

HERE = Path(__file__).resolve().parent
FAILURES = HERE / "failures"
FAILED = pytest.StashKey[bool]()

ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# As long as a loaded machine may take; a passing test waits for none of it.
WAIT_MS = 10_000
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy ${event.effectiveDirective} refused ${event.blockedURI}`))
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs them all: a browser and a server keep two processors busy."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="package")
def chromium_path() -> str:
    programs, _untested = TOOLS["chromium"]
    found = next(filter(None, (shutil.which(name, path=PATH) for name in programs)), None)
    if found is None:
        message = "NOT TESTED: the browser tests. There is no Chromium: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="package")
def address(django_db_setup: None, chromium_path: str) -> Iterator[str]:
    """The console, served as `make run` serves it, on this worker's database."""
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        port = probe.getsockname()[1]
    with serve.server(os.environ | {"AGENHOOD_DATABASE_POOL": "5"}, port):
        yield f"http://{serve.HOST}:{port}"


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's own event loop looks to Django like that of an async view; it is none."""
    expect.set_options(timeout=WAIT_MS)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as started:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        yield started


@pytest.fixture(scope="package")
def chromium(playwright: Playwright, chromium_path: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(
        executable_path=chromium_path,
        args=ARGUMENTS,
        ignore_default_args=["--disable-back-forward-cache"],  # people's browsers have it
    )
    yield browser
    browser.close()


class Watch:
    """Everything in a person's browser that should not have happened.

    `refusals` are the statuses that a test provokes, and "offline". A form's 422 is part of how
    the console talks to htmx.
    """

    def __init__(self, context: BrowserContext, refusals: tuple[int | str, ...]) -> None:
        self.tolerated = {"422", *map(str, refusals)}
        self.log: list[str] = []
        self.problems: list[str] = []
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._note(f"script: {error.error}"))
        context.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        text = f"{message.type}: {message.text} ({message.location.get('url', '')})"
        self.log.append(text)
        status = re.search(r"(?:status of|Error Code) (\d{3})", message.text)
        offline = re.search(
            r"ERR_INTERNET_DISCONNECTED|htmx:(sendError|afterRequest)", message.text
        )
        if (status and status[1] in self.tolerated) or (offline and "offline" in self.tolerated):
            return
        blocked_by_the_test = "Service Worker registration blocked by Playwright" in message.text
        if message.type in {"error", "warning"} and not blocked_by_the_test:
            self._note(text)

    def _on_response(self, response: Response) -> None:
        if response.status >= 500 and str(response.status) not in self.tolerated:
            self._note(f"{response.status} from {response.request.method} {response.url}")

    def _note(self, problem: str) -> None:
        self.problems.append(problem)


Browse = Callable[..., Page]


@pytest.fixture
def browse(
    request: pytest.FixtureRequest, committed_db: None, chromium: Browser, address: str
) -> Iterator[Browse]:
    """Open a page at `path` in a browser of its own, in which `user` is signed in.

    Options besides `refusals` (see Watch) are Playwright's for a context. Another tab of the same
    browser is `page.context.new_page()`.
    """
    opened: list[tuple[BrowserContext, Watch]] = []

    def browse(
        user: User | None = None,
        path: str = "/",
        refusals: tuple[int | str, ...] = (),
        **options: Any,
    ) -> Page:
        context = chromium.new_context(base_url=address, **options)
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(REPORT_VIOLATIONS)
        opened.append((context, Watch(context, refusals)))
        if user is not None:
            sign_in(context, user, address)
        page = context.new_page()
        page.goto(path)
        return page

    yield browse
    problems = [problem for _context, watch in opened for problem in watch.problems]
    if problems or request.node.stash.get(FAILED, False):
        keep(request.node.name, opened)
    for context, _watch in opened:
        context.close()
    assert problems == []


def sign_in(context: BrowserContext, user: User, address: str) -> None:
    """Sign in without the form, which one test is about and which takes its time."""
    client = Client()
    client.force_login(user)
    key = client.cookies["sessionid"].value
    UserSession.objects.create(user=user, session_key=key, ip="192.0.2.1", user_agent="Firefox/150")
    context.add_cookies([{"name": "sessionid", "value": key, "url": address, "httpOnly": True}])


def keep(name: str, opened: list[tuple[BrowserContext, Watch]]) -> None:
    """Save what each page looks like and what its console said."""
    FAILURES.mkdir(exist_ok=True)
    stem = re.sub(r"\W+", "-", name).strip("-")
    for number, (context, watch) in enumerate(opened):
        for tab, page in enumerate(context.pages):
            page.screenshot(path=FAILURES / f"{stem}-{number}-{tab}.png", full_page=True)
        lines = [page.url for page in context.pages] + watch.log + ["", *watch.problems]
        (FAILURES / f"{stem}-{number}.log").write_text("\n".join(lines))
