"""How many events a worker's recorder stores in a second, and how a page fares meanwhile."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable

from django.core.handlers.wsgi import WSGIHandler

from agenhood.fleet.actions import history
from bench.agents import Fleet, make_fleet
from bench.browsing import get, sign_in
from bench.connections import through
from bench.server import Server
from bench.timing import Measured, summary

DATABASE = "bench_events"
ROUNDS = 4
IDLE, LOADED = "project list, nothing else going on", "project list while events are written"


def measure(server: Server, *, seconds: float) -> Measured:
    """Measure for so many seconds at rest and under load, in turn, four times."""
    fleet = make_fleet(server, DATABASE, workspaces=10)
    open_page = _page(fleet)
    taken: dict[str, list[float]] = {IDLE: [], LOADED: []}
    stored, spent = 0, 0.0
    with _recorder(fleet) as recorder:
        if recorder.stdin is None or recorder.stdout is None:
            raise RuntimeError("the recorder has no pipes")
        for number in range(-1, ROUNDS):
            idle = _times(open_page, seconds)
            recorder.stdin.write(f"{seconds}\n")
            recorder.stdin.flush()
            loaded = _times(open_page, seconds)
            count, lasted = json.loads(recorder.stdout.readline())
            if number >= 0:
                taken[IDLE] += idle
                taken[LOADED] += loaded
                stored, spent = stored + count, spent + lasted
        recorder.stdin.close()
    timings = {name: summary(times) for name, times in taken.items()}
    figures = {
        "events_per_s": stored / spent,
        "page_under_load_ratio": timings[LOADED].median / timings[IDLE].median,
    }
    return Measured(figures, timings)


def _recorder(fleet: Fleet) -> "subprocess.Popen[str]":
    workspace = fleet.workspaces[0]
    (agent,) = fleet.add_agents(workspace, 1, "true")
    with fleet.inside(workspace):
        thread = history.start_conversation(agent=agent, title="Do it.", by=fleet.user)
        task = history.add_task(thread, text="Do it.", by=fleet.user)
        history.start_task(task)
    ids = [str(pk) for pk in (workspace.pk, fleet.user.pk, task.pk)]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.recording", *ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=fleet.environment,
    )


def _page(fleet: Fleet) -> Callable[[], object]:
    console, workspace = WSGIHandler(), fleet.workspaces[1]
    with through(fleet.connection):
        session = sign_in(fleet.user, workspace.pk)

    def open_page() -> object:
        with through(fleet.connection):
            return get(console, f"/w/{workspace.slug}/projects/", session)

    return open_page


def _times(open_page: Callable[[], object], seconds: float) -> list[float]:
    taken = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        open_page()
        taken.append(time.monotonic() - began)
        gc.collect(0)
    return taken
