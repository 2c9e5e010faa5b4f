"""Measure everything, and write bench/results.json and bench/RESULTS.md.

python -m bench            some minutes, on a machine that has nothing else to do
python -m bench --quick    a minute, with 50 workspaces and few rounds; writes nothing
"""

import argparse
import logging
import os
import sys
import time
from functools import partial

import django

from bench.priority import before_others
from bench.server import TEMPLATE, Server, environment, throwaway_server
from bench.timing import Measured


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(arguments).quick
    started = time.monotonic()
    with throwaway_server() as server:
        os.environ |= environment(server.url(TEMPLATE))
        django.setup()
        logging.disable(logging.INFO)
        from bench import report

        with before_others(server) as first:
            machine = report.machine(server, first=first)
        measured = _measure_all(server, quick=quick)
    minutes = (time.monotonic() - started) / 60
    print(report.table(measured.figures))
    if not quick:
        report.write(measured, machine, minutes)
    return 0


def _measure_all(server: Server, *, quick: bool) -> Measured:
    from bench import audit, credentials, growth, history, history_rows, page, provisioning, switch
    from bench.rows import fill

    def rounds(thorough: int) -> int:
        return thorough // 10 if quick else thorough

    everything = Measured({}, {})
    _say("a page, with tenancy and by hand")
    with before_others(server):
        everything |= page.measure(server, rounds=rounds(1500))
    if switch.chromium() is None:
        _say("NOT MEASURED: a switch in a browser, for want of Chromium (apt-get install chromium)")
    else:
        _say("a switch of workspace in a browser")
        everything |= switch.measure(server, rounds=rounds(100))
    _say("a write with its entry on the audit trail, and without")
    with before_others(server):
        everything |= audit.measure_cost(server, rounds=rounds(600))
    _say("sealing and opening a credential")
    with before_others(server):
        everything |= credentials.measure(server, rounds=rounds(1000))
    databases = {}
    for workspaces in (10, 50 if quick else 1000):
        label = f"{workspaces:,} workspaces"
        databases[label] = f"bench_{workspaces}"
        _say(f"filling {label} with {growth.PROJECTS:,} projects each")
        server.make_database(databases[label])
        with server.superuser(databases[label]) as connection:
            fill(connection, workspaces=workspaces, projects=growth.PROJECTS)
    histories = {}
    events = 400_000 if quick else history_rows.EVENTS
    for workspaces in (10, 50 if quick else 1000):
        label = f"{workspaces:,} workspaces"
        histories[label] = f"bench_history_{workspaces}"
        _say(f"filling {label} with {events:,} events")
        server.make_database(histories[label])
        with server.superuser(histories[label]) as connection:
            fill(connection, workspaces=workspaces, projects=28)
        connect = partial(server.superuser, histories[label])
        history_rows.fill_history(connect, workspaces=workspaces, events=events)
    with before_others(server):
        _say("the history in both")
        everything |= history.measure(server, histories, rounds=rounds(500))
    with before_others(server):
        _say("pages in both")
        everything |= growth.measure(server, databases, rounds=rounds(1000))
        _say("audit trails in both")
        everything |= audit.measure_growth(server, databases, rounds=rounds(500))
        _say("one more workspace in both")
        everything |= provisioning.measure(server, databases, rounds=rounds(500))
    return everything


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
