"""How long it takes until a new agent's first task is seen at work: all over HTTP, as in a browser.

The agent is created through its page, its task submitted through its page, and the task's stream
read until something arrives.
"""

import http.client
import time
from html.parser import HTMLParser
from urllib.parse import urlencode

from django.conf import settings

from agenhood.fleet.models import Project
from agenhood.launcher.serve import HOST
from agenhood.launcher.serve import server as web_server
from bench.agents import Fleet, make_fleet
from bench.browsing import free_port, sign_in
from bench.connections import through
from bench.server import Server
from bench.timing import Measured, percentile, summary

DATABASE = "bench_first_event"
FIRST, SAID = "from creating an agent to its first event", "and to its first output"


def measure(server: Server, *, rounds: int) -> Measured:
    fleet = make_fleet(server, DATABASE, workspaces=10)
    port = free_port()
    with web_server(fleet.environment, port), fleet.workers(1):
        browser = _Browser(fleet, port)
        browser.first_task(-1)  # by which the worker is there
        seconds = [browser.first_task(number) for number in range(rounds)]
    first, said = (list(column) for column in zip(*seconds, strict=True))
    figures = {
        "first_event_p95_s": percentile(first, 95),
        "first_output_p95_s": percentile(said, 95),
    }
    return Measured(figures, {FIRST: summary(first), SAID: summary(said)})


class _Fields(HTMLParser):
    """What a form sends that nobody has touched."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.values: list[tuple[str, str]] = []
        self._select = self._textarea = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name, kind = found.get("name", ""), found.get("type", "text")
        if tag == "select":
            self._select = name
        elif tag == "option" and "selected" in found and self._select:
            self.values.append((self._select, found.get("value", "")))
        elif tag == "textarea":
            self._textarea = name
        elif tag == "input" and name and (kind not in {"checkbox", "radio"} or "checked" in found):
            self.values.append((name, found.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values.append((self._textarea, data.removeprefix("\n")))
            self._textarea = ""


class _Browser:
    def __init__(self, fleet: Fleet, port: int) -> None:
        self.port, self.workspace = port, fleet.workspaces[0]
        with through(fleet.connection):
            session = sign_in(fleet.user, self.workspace.pk)
        self.cookies = {settings.SESSION_COOKIE_NAME: session}
        with fleet.inside(self.workspace):
            self.project = str(Project.objects.active().values_list("pk", flat=True).first())

    def first_task(self, number: int) -> tuple[float, float]:
        """Return the seconds to the first event and to the first output."""
        start = f"/w/{self.workspace.slug}/agents/"
        agent_form = self._form(f"{start}new/")
        agent_form |= {
            "name": f"New {number}",
            "project": self.project,
            "driver": "command",
            "command": "echo hello; sleep 1",
        }
        began = time.monotonic()
        agent = self._post(f"{start}new/", agent_form)
        task_form = self._form(f"{agent}tasks/new/") | {"text": "Say hello."}
        task = self._post(f"{agent}tasks/new/", task_form)
        page = self._request("GET", task)
        page.read()
        return self._watch(task, began)

    def _watch(self, task: str, began: float) -> tuple[float, float]:
        identity = task.rstrip("/").rpartition("/")[2]
        stream = self._request("GET", f"/w/{self.workspace.slug}/stream/?task={identity}&after=0")
        first = 0.0
        for line in stream:
            if not line.startswith(b'data: {"kind"'):
                continue
            now = time.monotonic() - began
            first = first or now
            if line.startswith(b'data: {"kind": "output"'):
                stream.close()
                return first, now
        raise RuntimeError("the stream ended before anything was said")

    def _form(self, path: str) -> dict[str, str]:
        page = self._request("GET", path)
        if page.status != 200:
            raise RuntimeError(f"{path} answered {page.status}")
        return dict(_Fields(page.read().decode()).values)

    def _post(self, path: str, form: dict[str, str]) -> str:
        answer = self._request("POST", path, urlencode(form))
        said = answer.read()
        if answer.status != 302:
            raise RuntimeError(f"{path} answered {answer.status}: {said[-2000:]!r}")
        return answer.headers["Location"]

    def _request(self, method: str, path: str, body: str | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer
