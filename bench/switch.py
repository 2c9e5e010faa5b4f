"""A switch of workspace in a real browser: from the click in the picker to the loaded page.

Compared with opening that page directly, by its address. Both start on the same page of the other
workspace, and both are timed by the browser's own clock, from the click or the order to load until
the end of the load event.
"""

import os
import shutil
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from playwright.sync_api import Page, sync_playwright

from accounts.models import User
from agenhood.launcher.serve import HOST
from agenhood.launcher.serve import server as web_server
from bench.browsing import free_port, sign_in
from bench.connections import open_connection, through
from bench.rows import TRAVELLER, fill
from bench.server import Server, environment
from bench.timing import Measured, Timing, summary
from workspaces.database.roles import BACKUP
from workspaces.models import Workspace

DATABASE = "bench_switch"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
NOTE_CLICKS = """addEventListener("click", ({ timeStamp }) =>
    sessionStorage.setItem("bench", performance.timeOrigin + timeStamp), true)"""
OPEN = """url => {
    sessionStorage.setItem("bench", performance.timeOrigin + performance.now());
    location.assign(url);
}"""
LOADED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd > 0"
TAKEN = """performance.timeOrigin + performance.getEntriesByType("navigation")[0].loadEventEnd
    - sessionStorage.getItem("bench")"""

SWITCH, DIRECT = "switch through the picker", "the same page opened directly"


def chromium() -> str | None:
    return next((found for name in CHROMIUM if (found := shutil.which(name))), None)


def measure(server: Server, *, rounds: int) -> Measured:
    server.make_database(DATABASE)
    with server.superuser(DATABASE) as connection:
        fill(connection, workspaces=10, projects=28)
    with through(open_connection(server.url(DATABASE, BACKUP))):
        user = User.objects.get(pk=TRAVELLER)
        workspace: Workspace = QuerySet(Workspace).get(slug="workspace-1")
    with through(open_connection(server.url(DATABASE))):
        session_key = sign_in(user, workspace.pk)

    port = free_port()
    with (
        web_server(os.environ | environment(server.url(DATABASE)), port),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        context = browser.new_context(base_url=f"http://{HOST}:{port}")
        cookie: Any = {"name": settings.SESSION_COOKIE_NAME, "value": session_key}
        context.add_cookies([cookie | {"url": f"http://{HOST}:{port}"}])
        timings = _time(context.new_page(), rounds)
        browser.close()
    figures = {
        "switch_ratio": timings[SWITCH].median / timings[DIRECT].median,
        "switch_ms": timings[SWITCH].median,
    }
    return Measured(figures, timings)


def _time(page: Page, rounds: int) -> dict[str, Timing]:
    here, there = "/w/workspace-1/projects/", "/w/workspace-2/projects/"
    page.goto(here)
    seconds: dict[str, list[float]] = {SWITCH: [], DIRECT: []}
    for number in range(-3, rounds):
        ways = [(SWITCH, _switch), (DIRECT, _open)]
        for name, go in ways if number % 2 else reversed(ways):
            taken = go(page, there)
            here, there = there, here
            if number >= 0:
                seconds[name].append(taken)
    return {name: summary(taken) for name, taken in seconds.items()}


def _switch(page: Page, path: str) -> float:
    page.click("#picker-button")
    row = page.locator(f"#picker-panel a.picker-row[href='{path}']").first
    row.wait_for()
    page.evaluate(NOTE_CLICKS)
    row.click()
    return _taken(page, path)


def _open(page: Page, path: str) -> float:
    page.evaluate(OPEN, path)
    return _taken(page, path)


def _taken(page: Page, path: str) -> float:
    """Return the seconds from what was noted to the end of the load of the page at `path`."""
    page.wait_for_url(f"**{path}")
    page.wait_for_function(LOADED)
    return float(page.evaluate(TAKEN)) / 1000
