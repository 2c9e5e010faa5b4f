"""A thousand watchers on one web process: how late events reach them, and what each of them costs.

The same watchers, in the same run, on the barest server that can stream (bench/bare_stream.py); a
few seconds of the one and of the other, in turn. Both are watched by as many clients of one kind,
told of as many events at the same pace, and send each as a message of the same length; both
processes have every connection open all the while, and have handed on an event of each topic before
one is counted. Of an event counts the time from the moment before its commit until a client has
read it, and of all events of a side the 99th percentile.

What only the console does, and what it is therefore slower by, is in its time: a commit that also
locks and checks; reading the event in its workspace's scope after being told of it; rendering it;
asking every four seconds whether its watchers still may; telling every five how their task is.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from agenhood.fleet import task_page
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Event, Task
from agenhood.launcher.children import child
from agenhood.launcher.serve import HOST, OPTIONS
from agenhood.launcher.serve import server as web_server
from bench.agents import Fleet, make_fleet
from bench.bare_stream import CHANNEL
from bench.browsing import free_port, sign_in
from bench.connections import through
from bench.server import Server
from bench.timing import Measured, percentile, summary

DATABASE = "bench_live"
TASKS = 100
WATCHERS = 10  # of each task
FIRST_WATCHERS = 20  # by whom a server has done everything once
PER_SECOND = 50  # events, each of the next task
ROUNDS = 4
SETTLE_SECONDS = 1.0  # in which what is not measured comes to rest; nothing tells when it has
ANSWER_SECONDS = 120  # for the watchers' process; each stream has 60 to open
OURS, BARE = "event to watcher, the console", "event to watcher, the bare stream"


def measure(server: Server, *, seconds: int) -> Measured:
    """Measure for so many seconds of each server in all."""
    fleet = make_fleet(server, DATABASE, workspaces=TASKS)
    tasks = [_running_task(fleet, number) for number in range(TASKS)]
    with (
        server.superuser(DATABASE) as superuser,
        _console(fleet) as (console, console_port),
        _bare_server(fleet) as (bare, bare_port),
    ):
        superuser.execute("CREATE TABLE bench_event (topic text, number int, data text)")
        sides = {
            OURS: _Side(console, console_port, _our_streams(fleet, tasks)),
            BARE: _Side(bare, bare_port, _bare_streams()),
        }
        write = _writer(fleet, tasks)
        writes = {OURS: write, BARE: _bare_writer(superuser, _markup(fleet, tasks[0], write))}
        late: dict[str, list[float]] = {OURS: [], BARE: []}
        try:
            for name in (OURS, BARE):
                _round(sides[name], writes[name], TASKS / PER_SECOND)
            for number in range(ROUNDS):
                for name in (OURS, BARE) if number % 2 else (BARE, OURS):
                    late[name] += _round(sides[name], writes[name], seconds / ROUNDS)
        finally:
            for side in sides.values():
                side.close()
    p99 = {name: 1000 * percentile(values, 99) for name, values in late.items()}
    figures = {
        "live_p99_ratio": p99[OURS] / p99[BARE],
        "live_p99_ms": p99[OURS],
        "live_bare_p99_ms": p99[BARE],
        "live_kb_per_watcher": sides[OURS].kb_per_watcher,
        "live_bare_kb_per_watcher": sides[BARE].kb_per_watcher,
        "live_threads_more": float(sides[OURS].threads_more),
    }
    return Measured(figures, {name: summary(values) for name, values in late.items()})


class _Side:
    """A server with its watchers, the first few of whom came before its memory was looked at."""

    def __init__(self, process: int, port: int, streams: list[tuple[str, str, str]]) -> None:
        first, others = streams[:FIRST_WATCHERS], streams[FIRST_WATCHERS:]
        self.clients = [_Clients(port, first)]
        # Until it was asked for the first time whether they still may, too, in a thread for that.
        time.sleep(settings.LIVE_RECHECK_SECONDS + SETTLE_SECONDS)
        kilobytes, threads = _status(process, "VmRSS"), _status(process, "Threads")
        self.clients.append(_Clients(port, others))
        time.sleep(SETTLE_SECONDS)
        self.kb_per_watcher = (_status(process, "VmRSS") - kilobytes) / len(others)
        self.threads_more = _status(process, "Threads") - threads

    def arrived(self) -> list[tuple[str, int, float]]:
        return [found for clients in self.clients for found in clients.arrived()]

    def close(self) -> None:
        for clients in self.clients:
            clients.close()


class _Clients:
    def __init__(self, port: int, streams: list[tuple[str, str, str]]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.watchers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        opened = self._ask(json.dumps({"port": port, "streams": streams}))
        if opened != len(streams):
            raise RuntimeError(f"{opened} of {len(streams)} watchers were let in")

    def arrived(self) -> list[tuple[str, int, float]]:
        return [(topic, number, at) for topic, number, at in self._ask("")]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _ask(self, line: str) -> Any:
        """Raise RuntimeError if there is no answer in time."""
        stdin, stdout = self._pipes()
        stdin.write(line.encode() + b"\n")
        stdin.flush()
        deadline = time.monotonic() + ANSWER_SECONDS
        answer = bytearray()
        while not answer.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([stdout], [], [], left)[0]:
                raise RuntimeError(f"the watchers did not answer in {ANSWER_SECONDS} seconds")
            piece = os.read(stdout.fileno(), 2**20)  # nothing else reads it, so none is in a buffer
            if not piece:
                raise RuntimeError("the watchers' process has ended")
            answer += piece
        return json.loads(answer)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the watchers have no pipes")
        return self.process.stdin, self.process.stdout


def _round(
    side: _Side, write: Callable[[int], tuple[str, int, float]], seconds: float
) -> list[float]:
    """Return how many seconds late each event reached each watcher. Raises if one did not."""
    side.arrived()  # what came before
    written = {}
    begin = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        time.sleep(max(0.0, begin + number / PER_SECOND - time.monotonic()))
        topic, event, at = write(number)
        written[topic, event] = at
    time.sleep(SETTLE_SECONDS)
    late = [at - written[topic, event] for topic, event, at in side.arrived()]
    if len(late) != len(written) * WATCHERS:
        raise RuntimeError(f"{len(late)} of {len(written) * WATCHERS} events arrived")
    return late


def _writer(fleet: Fleet, tasks: list[Task]) -> Callable[[int], tuple[str, int, float]]:
    def write(turn: int) -> tuple[str, int, float]:
        place = turn % TASKS
        with fleet.inside(fleet.workspaces[place]):
            event = NewEvent(Event.Kind.OUTPUT, f"line {turn}\n", {"stream": "stdout"})
            (stored,) = history.append_events(tasks[place], [event])
            at = time.monotonic()  # the commit comes next
        return str(place), stored.number, at

    return write


def _markup(fleet: Fleet, task: Task, write: Callable[[int], tuple[str, int, float]]) -> str:
    """Return an event of this task, the first one, as the console sends it."""
    write(0)
    with fleet.inside(fleet.workspaces[0]):
        shown = task_page.find(task.pk)
        *_, last = task_page.events_between(shown, 0, shown.last)
        return task_page.event_markup(shown, last)


def _bare_writer(superuser: Any, markup: str) -> Callable[[int], tuple[str, int, float]]:
    numbers = iter(range(1, 1_000_000))
    data = json.dumps({"kind": "output", "html": markup})

    def write(turn: int) -> tuple[str, int, float]:
        place, number = str(turn % TASKS), next(numbers)
        with superuser.transaction():
            superuser.execute("INSERT INTO bench_event VALUES (%s, %s, %s)", [place, number, data])
            superuser.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{place}|{number}|{data}"])
            at = time.monotonic()
        return place, number, at

    return write


def _running_task(fleet: Fleet, number: int) -> Task:
    workspace = fleet.workspaces[number]
    (agent,) = fleet.add_agents(workspace, 1, "true")
    with fleet.inside(workspace):
        thread = history.start_conversation(agent=agent, title="Do it.", by=fleet.user)
        task = history.add_task(thread, text="Do it.", by=fleet.user)
        history.start_task(task)
    return task


def _our_streams(fleet: Fleet, tasks: list[Task]) -> list[tuple[str, str, str]]:
    with through(fleet.connection):
        sessions = [sign_in(fleet.user, workspace.pk) for workspace in fleet.workspaces]
    return [
        (
            str(number),
            f"/w/{fleet.workspaces[number].slug}/stream/?task={task.pk}&after=0",
            f"{settings.SESSION_COOKIE_NAME}={sessions[number]}",
        )
        for _ in range(WATCHERS)
        for number, task in enumerate(tasks)
    ]


def _bare_streams() -> list[tuple[str, str, str]]:
    return [
        (str(number), f"/?topic={number}", "nobody=asks")
        for _ in range(WATCHERS)
        for number in range(TASKS)
    ]


@contextmanager
def _console(fleet: Fleet) -> Iterator[tuple[int, int]]:
    port = free_port()
    # All watchers are one person here.
    environment = fleet.environment | {"AGENHOOD_LIVE_PER_PERSON": "5000"}
    with web_server(environment, port) as process:
        yield process.pid, port


@contextmanager
def _bare_server(fleet: Fleet) -> Iterator[tuple[int, int]]:
    port = free_port()
    environment = os.environ | {"BENCH_DATABASE": fleet.server.url(fleet.database)}
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "bench.bare_stream:application"]
    command += ["--host", HOST, "--port", str(port), "--lifespan", "off", *OPTIONS]
    with ExitStack() as opened:
        process = opened.enter_context(child(command, environment))
        time.sleep(SETTLE_SECONDS)
        yield process.pid, port


def _status(process: int, name: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"the kernel does not tell {name}")
