"""What is measured, in parts that can be measured alone. Each returns its figures and timings."""

import sys
from collections.abc import Callable
from functools import partial

from bench import (
    audit,
    credentials,
    events,
    first_event,
    growth,
    history,
    history_rows,
    live,
    page,
    provisioning,
    queue,
    sandbox,
    switch,
)
from bench.priority import before_others
from bench.rows import fill
from bench.server import Server
from bench.timing import Measured


def measure(name: str, server: Server, *, quick: bool) -> Measured:
    """Measure a part; `quick` is with few rounds and small databases."""
    return PARTS[name](server, quick)


def _rounds(thorough: int, quick: bool) -> int:
    return thorough // 10 if quick else thorough


def _page(server: Server, quick: bool) -> Measured:
    _say("a page, with tenancy and by hand")
    with before_others(server):
        return page.measure(server, rounds=_rounds(1500, quick))


def _switch(server: Server, quick: bool) -> Measured:
    if switch.chromium() is None:
        _say("NOT MEASURED: a switch in a browser, for want of Chromium (apt-get install chromium)")
        return Measured({}, {})
    _say("a switch of workspace in a browser")
    return switch.measure(server, rounds=_rounds(100, quick))


def _audit(server: Server, quick: bool) -> Measured:
    _say("a write with its entry on the audit trail, and without")
    with before_others(server):
        return audit.measure_cost(server, rounds=_rounds(600, quick))


def _credentials(server: Server, quick: bool) -> Measured:
    _say("sealing and opening a credential")
    with before_others(server):
        return credentials.measure(server, rounds=_rounds(1000, quick))


def _history(server: Server, quick: bool) -> Measured:
    histories = {}
    count = 400_000 if quick else history_rows.EVENTS
    for workspaces in (10, 50 if quick else 1000):
        label = f"{workspaces:,} workspaces"
        histories[label] = f"bench_history_{workspaces}"
        _say(f"filling {label} with {count:,} events")
        server.make_database(histories[label])
        with server.superuser(histories[label]) as connection:
            fill(connection, workspaces=workspaces, projects=28)
        connect = partial(server.superuser, histories[label])
        history_rows.fill_history(connect, workspaces=workspaces, events=count)
    _say("the history in both")
    with before_others(server):
        return history.measure(server, histories, rounds=_rounds(500, quick))


def _growth(server: Server, quick: bool) -> Measured:
    databases = {}
    for workspaces in (10, 50 if quick else 1000):
        label = f"{workspaces:,} workspaces"
        databases[label] = f"bench_{workspaces}"
        _say(f"filling {label} with {growth.PROJECTS:,} projects each")
        server.make_database(databases[label])
        with server.superuser(databases[label]) as connection:
            fill(connection, workspaces=workspaces, projects=growth.PROJECTS)
    with before_others(server):
        _say("pages in both")
        measured = growth.measure(server, databases, rounds=_rounds(1000, quick))
        _say("audit trails in both")
        measured |= audit.measure_growth(server, databases, rounds=_rounds(500, quick))
        _say("one more workspace in both")
        return measured | provisioning.measure(server, databases, rounds=_rounds(500, quick))


# From here on without real-time priority: priority.PARTS_WITHOUT.


def _sandbox(_server: Server, quick: bool) -> Measured:
    _say("starting a sandbox, and bare bwrap")
    return sandbox.measure(rounds=_rounds(200, quick))


def _queue(server: Server, quick: bool) -> Measured:
    _say("tasks through the queue, and bare jobs")
    return queue.measure(server, starts=_rounds(100, quick), submitted=_rounds(1000, quick))


def _first_event(server: Server, quick: bool) -> Measured:
    _say("new agents' first tasks")
    return first_event.measure(server, rounds=_rounds(40, quick))


def _live(server: Server, quick: bool) -> Measured:
    _say("a thousand watchers")
    return live.measure(server, seconds=2 if quick else 10)


def _events(server: Server, quick: bool) -> Measured:
    _say("a worker that writes events, and pages meanwhile")
    return events.measure(server, seconds=1 if quick else 5)


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


PARTS: dict[str, Callable[[Server, bool], Measured]] = {
    "page": _page,
    "switch": _switch,
    "audit": _audit,
    "credentials": _credentials,
    "sandbox": _sandbox,
    "queue": _queue,
    "first_event": _first_event,
    "live": _live,
    "events": _events,
    "history": _history,
    "growth": _growth,
}
