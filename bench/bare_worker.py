"""Bare Procrastinate: a worker whose job does by hand what a task takes, and nothing else.

    python -m bench.bare_worker <the superuser's conninfo> <a folder>

It marks the task's row as running, writes an event, and commits; runs the same command line of
bubblewrap; writes an event, marks the row as done, and commits. It tells watchers both times.
Without row security, ORM, claims, locks, a disk of the agent's own or control groups, on
connections that stay open.
"""

import sys
import threading
from pathlib import Path
from typing import Any

import django
import psycopg
from procrastinate import App, PsycopgConnector

QUEUE = "bare"
CONCURRENCY = 4  # as of a worker's tasks

BEGIN = "UPDATE fleet_task SET state = 'running', started_at = now(), worker = 'bare' WHERE id = %s"
END = """
UPDATE fleet_task SET state = 'succeeded', output = '', finished_at = now(), job = NULL
 WHERE id = %s
"""
EVENT = """
INSERT INTO fleet_event (id, workspace_id, task_id, number, kind, text, data, created_at)
SELECT uuidv7(), workspace_id, id, %s, 'state', '', jsonb_build_object('state', state), now()
  FROM fleet_task WHERE id = %s
"""
TELL = """
SELECT pg_notify('agenhood_live', format('%%s|%%s|%%s', workspace_id, id, %s::int))
  FROM fleet_task WHERE id = %s
"""


def main(conninfo: str, folder: Path) -> None:
    django.setup()
    from bench.bare_sandbox import bare_plan, run_bare

    app = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=6))
    own = threading.local()

    @app.task(name="bare.run", queue=QUEUE)
    def run(task_id: str) -> None:
        if not hasattr(own, "connection"):
            own.connection = psycopg.connect(conninfo, autocommit=True)
            own.plan = bare_plan(folder / f"{threading.get_native_id()}")
        _write(own.connection, BEGIN, task_id, 1)
        run_bare(own.plan, ["/bin/sh", "-c", "true"], b"Do it.")
        _write(own.connection, END, task_id, 2)

    app.run_worker(
        queues=[QUEUE],
        concurrency=CONCURRENCY,
        fetch_job_polling_interval=0.5,
        delete_jobs="successful",
    )


def _write(connection: psycopg.Connection[Any], statement: str, task_id: str, number: int) -> None:
    with connection.transaction():
        connection.execute(statement, [task_id])
        connection.execute(EVENT, [number, task_id])
        connection.execute(TELL, [number, task_id])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
