"""From a submitted task to its running program, and how many tasks two workers run in a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from procrastinate import tasks
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager

from agenhood.fleet.actions import history
from agenhood.launcher.children import child
from bench.agents import Fleet, make_fleet, wait_until_ended
from bench.bare_worker import QUEUE as BARE_QUEUE
from bench.server import Server
from bench.timing import Measured, Timing, percentile, summary

DATABASE = "bench_queue"
WORKSPACES = 10
AGENTS = 4  # of each: as many as may work at once
SECONDS_FOR_A_ROUND = 180
# The program itself says when it has started, by the machine's clock.
SAY_WHEN = "date +%s.%N"
RATE = """
SELECT count(*) FILTER (WHERE state = 'succeeded'),
       extract(epoch FROM max(finished_at) - min(started_at))
  FROM fleet_task WHERE id = ANY(%s)
"""


def measure(server: Server, *, starts: int, submitted: int) -> Measured:
    """`starts` tasks one after the other; then `submitted` in all to each kind of worker."""
    fleet = make_fleet(server, DATABASE, workspaces=WORKSPACES)
    with server.superuser(DATABASE) as superuser:
        waits = _starts(fleet, superuser, starts)
        each = _Rounds(fleet, superuser, submitted // 2)
        # In turn, and neither always first: what else the machine does meets both alike.
        ours: list[tuple[int, float]] = []
        bare: list[tuple[int, float]] = []
        for kind in ("ours", "bare", "bare", "ours"):
            (ours if kind == "ours" else bare).append(each.run(kind))
    rate = {kind: sum(n for n, _ in runs) / sum(s for _, s in runs) for kind, runs in
            (("ours", ours), ("bare", bare))}  # fmt: skip
    figures = {
        "queue_start_p95_ms": 1000 * percentile(waits, 95),
        "queue_rate_ratio": rate["ours"] / rate["bare"],
        "queue_tasks_per_s": rate["ours"],
        "queue_bare_tasks_per_s": rate["bare"],
        "tasks_lost": float(each.lost),
    }
    timings: dict[str, Timing] = {"a task submitted, until its program runs": summary(waits)}
    return Measured(figures, timings)


def _starts(fleet: Fleet, superuser: Any, count: int) -> list[float]:
    """Return the seconds from submitting a task to its program's start, of one worker at rest."""
    workspace = fleet.workspaces[0]
    (agent,) = fleet.add_agents(workspace, 1, SAY_WHEN)
    waits = []
    with fleet.workers(1):
        for number in range(-3, count):
            began = time.time()
            task = fleet.submit(workspace, agent)
            wait_until_ended(superuser, [task.pk], within_seconds=60)
            (output,) = superuser.execute(
                "SELECT output FROM fleet_task WHERE id = %s", [task.pk]
            ).fetchone()
            if number >= 0:
                waits.append(float(output) - began)
    return waits


class _Rounds:
    def __init__(self, fleet: Fleet, superuser: Any, count: int) -> None:
        self.fleet, self.superuser, self.count, self.lost = fleet, superuser, count, 0
        self.agents = [
            (workspace, fleet.add_agents(workspace, AGENTS, "true", called="Worker"))
            for workspace in fleet.workspaces
        ]

    def run(self, kind: str) -> tuple[int, float]:
        """Return how many tasks two workers ran, and in how many seconds."""
        submit, workers = (
            (self.fleet.submit, self.fleet.workers(2))
            if kind == "ours"
            else (self._submit_bare, self._bare_workers())
        )
        ids = self._submitted(submit)
        with workers:
            wait_until_ended(self.superuser, ids, within_seconds=SECONDS_FOR_A_ROUND)
        done, seconds = self.superuser.execute(RATE, [ids]).fetchone()
        if kind == "ours":
            self.lost += len(ids) - done
        return len(ids), float(seconds)

    def _submitted(self, submit: Callable[..., Any]) -> list[UUID]:
        ids = []
        for number in range(self.count):
            workspace, agents = self.agents[number % WORKSPACES]
            ids.append(submit(workspace, agents[number // WORKSPACES % AGENTS]).pk)
        return ids

    def _submit_bare(self, workspace: Any, agent: Any) -> Any:
        with self.fleet.inside(workspace):
            thread = history.start_conversation(agent=agent, title="Do it.", by=self.fleet.user)
            task = history.add_task(thread, text="Do it.", by=self.fleet.user)
            manager = JobManager(DjangoConnector(alias="default"))
            tasks.configure_task(name="bare.run", job_manager=manager, queue=BARE_QUEUE).defer(
                task_id=str(task.pk)
            )
            return task

    @contextmanager
    def _bare_workers(self) -> Iterator[None]:
        conninfo = self.fleet.server.postgres.conninfo(self.fleet.database)
        command: list[str | Path] = [sys.executable, "-m", "bench.bare_worker", conninfo]
        with ExitStack() as opened:
            for number in range(2):
                folder = Path(settings.AGENHOOD_AGENTS, f"bare-{number}")
                opened.enter_context(child([*command, folder], self.fleet.environment))
            yield
