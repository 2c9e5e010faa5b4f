"""Start workers, and wait for what they do."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from procrastinate.contrib.django import app
from procrastinate.psycopg_connector import PsycopgConnector

from tests import postgres

PATIENCE_SECONDS = 40


@contextmanager
def worker(*arguments: str, module: str = "tests.workers") -> Iterator[subprocess.Popen[str]]:
    """Run a worker for a block; its output is read with `communicate()` once it has ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=postgres.ROOT,
        env=os.environ | {"DATABASE_URL": postgres.url(postgres.APP)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def until(condition: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """Wait until `condition` holds and return what it gave; fail when the worker ends instead."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the worker ended: {process.communicate()[0]}")
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to be")
        time.sleep(0.02)
    return found


def jobs(**where: Any) -> list[tuple[str, str, int]]:
    """Return (name, status, attempts) of the jobs that stand in the queue, periodic ones left out.

    What ended well stands there no more.
    """
    with postgres.superuser() as past_everything:
        return past_everything.execute(
            "SELECT task_name, status::text, attempts FROM procrastinate_jobs"
            " WHERE args ? 'workspace_id' ORDER BY id"
        ).fetchall()


def waiting() -> bool:
    return any(status in ("todo", "doing") for _name, status, _attempts in jobs())


def work_off() -> None:
    """Do what stands in the queue now, in this process."""
    queue = PsycopgConnector(conninfo=settings.WORKER_DATABASE_URL, min_size=1, max_size=2)

    async def run() -> None:
        async with app.open_async():
            await app.run_worker_async(
                wait=False,
                install_signal_handlers=False,
                listen_notify=False,
                delete_jobs="successful",
            )

    with app.replace_connector(queue):
        asyncio.run(run())
