"""The two files of a run: results.json for programs, RESULTS.md for people."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import django

from bench.priority import PARTS_WITHOUT
from bench.runs import Part
from bench.server import Server

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Figure:
    """`bound` is the most that it may be, the least where `is_least`, None for what is only told.
    `reason` is for a miss."""

    meaning: str
    bound: float | None = None
    reason: str = ""
    is_least: bool = False

    def holds(self, value: float) -> bool:
        if self.bound is None:
            return True
        return value >= self.bound if self.is_least else value <= self.bound


FIGURES = {
    "page_ratio": Figure(
        "list of 25 projects: tenancy on ÷ filtered by hand",
        1.08,
        "BEGIN and COMMIT are two more waits for the database, and a busy machine makes each"
        " longer. See below how busy this one was, and how far apart the quartiles are.",
    ),
    "page_extra_statements": Figure(
        "SQL statements more than by hand, besides BEGIN and COMMIT", 2
    ),
    "growth_list": Figure("list of projects: among 1,000 workspaces ÷ among 10", 1.1),
    "growth_search": Figure("search of projects: among 1,000 workspaces ÷ among 10", 1.1),
    "growth_detail": Figure("page of a project: among 1,000 workspaces ÷ among 10", 1.1),
    "growth_history": Figure("history, 10 million events: among 1,000 workspaces ÷ among 10", 1.2),
    "growth_agents": Figure("list of agents and what their tasks came to, likewise", 1.2),
    "growth_history_search": Figure("search of the history for a usual word, likewise", 1.2),
    "growth_history_search_rare": Figure("search of it for a rare word, likewise", 1.2),
    "growth_conversation": Figure("page of a conversation of 1,000 events, likewise", 1.2),
    "provision_growth": Figure("one more workspace: at 1,000 ÷ at 10", 1.1),
    "provision_ms": Figure(
        "one more workspace at 1,000, in ms, from first statement to commit", 20
    ),
    "switch_ratio": Figure("switch in the picker ÷ opening that page directly", 1.2),
    "growth_audit": Figure("audit trail, slowest of three pages: among 1,000 ÷ among 10", 1.2),
    "audit_cost": Figure(
        "a small write with its entry on the audit trail ÷ without",
        1.10,
        "The entry is a row with nine indexes, chained under a lock, in a request that does little"
        " else.",
    ),
    "sandbox_start_ratio": Figure(
        "opening a sandbox, running /bin/true, closing it ÷ bare bwrap with the same flags", 1.5
    ),
    "first_event_p95_s": Figure(
        "a new agent's first event on its task's stream, in s, 95 in 100", 2
    ),
    "queue_start_p95_ms": Figure(
        "from submitting a task to its running program, at rest, in ms, 95 in 100", 100
    ),
    "queue_rate_ratio": Figure(
        "tasks in a second through two workers ÷ bare Procrastinate jobs that do the same by hand",
        0.7,
        is_least=True,
    ),
    "tasks_lost": Figure("of the tasks submitted for that, those that did not succeed", 0),
    "live_p99_ratio": Figure(
        "event to watcher among 1,000, 99 in 100 ÷ the barest stream there can be", 3
    ),
    "live_kb_per_watcher": Figure("memory of the web process for one more watcher, in KB", 30),
    "live_threads_more": Figure("threads of it that 980 more watchers have brought", 0),
    "events_per_s": Figure("events of a line that one recorder stores", 3000, is_least=True),
    "page_under_load_ratio": Figure("list of 25 projects meanwhile ÷ at rest", 1.5),
    "sandbox_run_ratio": Figure("as sandbox_start_ratio, in a sandbox that is open"),
    "sandbox_start_ms": Figure("opening a sandbox, running /bin/true, closing it, in ms"),
    "sandbox_cold_start_ms": Figure("the same where the agent's disk was not mounted, in ms"),
    "first_output_p95_s": Figure("as first_event_p95_s, but the first line that the program says"),
    "queue_tasks_per_s": Figure("tasks in a second through two workers"),
    "queue_bare_tasks_per_s": Figure("bare jobs in a second, likewise"),
    "live_p99_ms": Figure("event to watcher, 99 in 100, in ms"),
    "live_bare_p99_ms": Figure("likewise, of the barest stream"),
    "live_bare_kb_per_watcher": Figure("live_kb_per_watcher of the barest stream"),
    "credential_open_ms": Figure("opening a credential's secret, in ms"),
    "credential_seal_ms": Figure("sealing a credential's secret, in ms"),
    "page_ratio_no_lookup": Figure(
        "as page_ratio, if by hand nobody asked whether the person is a member"
    ),
    "page_extra_statements_no_lookup": Figure("as page_extra_statements, likewise"),
    "page_ratio_control": Figure(
        "by hand ÷ by hand on another connection: the noise of page_ratio"
    ),
    "page_ms": Figure("list of 25 projects, tenancy on, in ms"),
    "switch_ms": Figure("switch in the picker, in ms, from the click to the loaded page"),
}

HOW = """\
## What was measured

**A page** is a whole request in one process: the WSGI handler with every middleware, the session,
the person, the view, the template, the closed response. The connection to the database is open, as
from the server's pool. There is no network and no browser, which would only flatter the ratio.
The same process answers in turn, in every round:

- the console's own page, as the restricted role, under row security;
- the same page *by hand*: a view that asks for the membership with the ORM and filters the projects
  by its workspace, without the workspace middleware, scope or transaction, as a role that row
  security does not hold for. Same template, paging, session, person, tables, indexes and rows; the
  run stops unless both answer the same page;
- the same with a membership that nobody asked for, which no application should do:
  `page_ratio_no_lookup`;
- by hand once more on another connection, which shows how much of a ratio is noise:
  `page_ratio_control`.

**Growth** compares two databases, of 10 and of 1,000 workspaces with 1,000 projects each. The rows
of a workspace lie scattered over the whole table, as they come when all workspaces work at the
same time. The person is a member of all of them. Each request goes to the next workspace in random
order: at 1,000, in as many rounds, it reads what no request of its kind has read before.

**Provisioning** is `provision_workspace()`: workspace, account of a new owner, email address,
membership, the check that there is an owner, and the commit, which waits for the disk. The time is
that of the whole call, so the database's own is less. The workspace is removed after each round.

**A switch** is timed in Chromium by its own clock, against the console under uvicorn: from the
click on a row of the open picker, or from `location.assign()`, to the end of the page's load event.
Both start on the project list of another workspace.

**A sandbox** is what the engine does in a worker for a task that runs one program: it makes a
control group, finds the agent's disk, starts `/bin/true` behind all of its flags, waits until
everything of it is gone, and gives all back. Compared with the same command line of bubblewrap,
with the same limits, user and filter of system calls, started by hand in a plain directory, without
disk and group. A worker keeps a disk mounted for a minute after an agent's task; to mount it before
and unmount it after, which is `sandbox_cold_start_ms`, has the machine's own disk write.

**The queue** at rest is one worker that runs tasks one after the other: from the call that submits
one to the moment at which its program runs, which the program itself says. For the rate, tasks of
ten workspaces with four agents each wait for two workers, whose start does not count: the time is
that from the first task's start to the last one's end. A bare job, in two bare Procrastinate
workers with as many threads, does by hand what a task takes: marks the row as running with an
event, in a transaction; runs the same command line of bubblewrap; writes an event and marks the row
as done, in another; and tells watchers twice. It has no row security, ORM, locks, claims, limits,
agent's disk, control group, secrets or artifacts to see to, and its connections stay open. Half of
the tasks of each kind come first, half last.

**A first event** is timed from the request that creates an agent, over the task's form and page, to
the first step on that page's stream, all by HTTP against the console under uvicorn, with one
worker. The agent's disk is made meanwhile. There is no browser, which would draw it.

**Live** are 1,000 watchers of 100 tasks in as many workspaces on one web process. 50 events come in
a second, each for ten watchers: from the moment before its commit until it has reached each of
them. The barest stream is a raw ASGI application under the same uvicorn, which asks nobody who they
are, reads nothing and renders nothing, as the event comes with the notification itself, as long as
the console's. The console's is read in its workspace's scope and rendered as it is seen. Each has
handed on an event of each task before one counts; then the two take turns.

**Events** are recorded in a process of their own, by a worker's recorder, as fast as it takes them,
with two secrets to look for. The page is opened in another process all the while, and as often in
between with nothing else going on.

Each figure is a ratio of medians, or a median, of rounds that take turns, where it is not said
otherwise. The server is the embedded PostgreSQL as `make run` starts it.

## Where the page's difference comes from, and what was left out

BEGIN and COMMIT are two waits for the database that a page by hand does not have; asking for the
membership and entering are one statement, so there is no third. The rest is the planning of the
policies, most of it that of `accounts_user` when the session's person is loaded.

BEGIN and that statement could go in one wait. The driver's pipeline mode does it, and took 0.12 ms
*more* on a unix socket; one string with both saved 0.06 ms, but behind the back of Django's and the
driver's account of transactions. A function in the policy of `accounts_user` saved 0.08 ms there
and made a list of 1,000 members 9 ms slower. None was worth it.
"""

AGAIN = """\
## How to run it again

`make bench`, best on a machine that has nothing else to do: what competes for the processors makes
each wait for the database longer, and `page_ratio` with it. Run as root, what is measured within
one process takes real-time priority, which keeps others out of the figures; what starts sandboxes,
workers, servers or a browser does not.
`make bench ARGS=--quick` is a try with few rounds, which writes nothing. `ARGS="--only queue,live"`
measures these parts alone and leaves the others' figures as they were. The figures alone are in
`results.json`; `runs.json` has each part's with its run's.
"""


def machine(server: Server, *, first: bool) -> list[str]:
    """Return what the run was made on, line by line: kinds and versions, no names."""
    with server.superuser("postgres") as connection:
        postgres = connection.info.server_version
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{len(os.sched_getaffinity(0))} cores ({_processor()}), {gigabytes:.0f} GiB of memory",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"PostgreSQL {postgres // 10000}.{postgres % 10000}",
        f"Python {platform.python_version()}, Django {django.get_version()}",
        f"{os.getloadavg()[1]:.1f} programs running on average in the five minutes before",
        _priority(first=first),
    ]


def _priority(*, first: bool) -> str:
    if not first:
        return "without real-time priority"
    return f"with real-time priority, but for {', '.join(PARTS_WITHOUT)}"


def table(figures: dict[str, float]) -> str:
    """Return the figures that there are, with their bounds."""
    lines = ["| figure | | bound | | what it is |", "|---|---:|---:|---|---|"]
    for name, figure in FIGURES.items():
        if name not in figures:
            continue
        value = f"{figures[name]:.4g}"
        bound = "" if figure.bound is None else f"{figure.bound:g}"
        bound = f"≥ {bound}" if figure.is_least else bound
        lines.append(
            f"| `{name}` | {value} | {bound} | {_verdict(name, figures)} | {figure.meaning} |"
        )
    return "\n".join(lines)


def write(parts: Mapping[str, Part]) -> None:
    figures = {
        name: round(value, 4)
        for part in parts.values()
        for name, value in part.measured.figures.items()
    }
    (FOLDER / "results.json").write_text(json.dumps(figures, indent=2) + "\n")
    (FOLDER / "RESULTS.md").write_text(
        "\n".join(
            [
                "# How fast the console is",
                "",
                "Written by `make bench`; edits are lost.",
                "",
                table(figures),
                "",
                *_misses(figures),
                HOW,
                "## The times behind the ratios",
                "",
                "In milliseconds. Half of the rounds lie between the quartiles.",
                "",
                *_spread(parts),
                "",
                "## On what",
                "",
                *_runs(parts),
                AGAIN,
            ]
        )
    )


def _verdict(name: str, figures: dict[str, float]) -> str:
    figure = FIGURES[name]
    if figure.bound is None or name not in figures:
        return ""
    return "holds" if figure.holds(figures[name]) else "**missed**"


def _misses(figures: dict[str, float]) -> list[str]:
    lines = []
    for name, figure in FIGURES.items():
        if _verdict(name, figures) == "**missed**":
            lines += [f"`{name}` misses its bound: {figure.reason or 'why is not known yet.'}", ""]
    return lines


def _spread(parts: Mapping[str, Part]) -> list[str]:
    return [
        "| what | median | lower quartile | upper quartile | rounds |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {name} | {timing.median:.2f} | {timing.lower:.2f} | {timing.upper:.2f}"
            f" | {timing.rounds:,} |"
            for part in parts.values()
            for name, timing in part.measured.timings.items()
        ),
    ]


def _runs(parts: Mapping[str, Part]) -> list[str]:
    """Say of each run which parts are of it: figures of different runs cannot be compared."""
    by_run: dict[str, list[str]] = {}
    for name, part in parts.items():
        by_run.setdefault(part.ended_at, []).append(name)
    lines = []
    for ended_at, names in sorted(by_run.items(), reverse=True):
        run = parts[names[0]]
        which = "" if len(by_run) == 1 else f" ({', '.join(names)})"
        ended = f"{datetime.fromisoformat(ended_at):%d %B %Y, %H:%M UTC}"
        lines += [f"{ended}, {run.minutes:.0f} minutes in all{which}:", ""]
        lines += [*(f"- {line}" for line in run.machine), ""]
    return lines


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
