"""Run background jobs until stopped: `manage.py worker`."""

import asyncio
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from procrastinate.contrib.django import app
from procrastinate.psycopg_connector import PsycopgConnector

from workspaces.isolation import refuse_unsafe_start
from workspaces.jobs import LONG_JOBS, STALLED_AFTER_SECONDS, start_worker

# A job that is ready is begun at once, as the queue notifies its workers. One that waited for
# another's lock is found by asking, which costs a query of an index.
ASK_EVERY_SECONDS = 0.5
FINISH_WITHIN_SECONDS = 5  # after a signal to stop; what takes longer goes on in another run
CONNECTIONS = 6  # of the queue itself; each job in work has one of its own beside
SHORT_JOBS_AT_ONCE = 4  # beside the long ones, which never hold them up


class Command(BaseCommand):
    help = "Runs background jobs until stopped. More of them, on more machines, share the work."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--concurrency",
            type=int,
            default=4,
            help="tasks in work at once; short jobs have a pool of their own (4)",
        )
        parser.add_argument(
            "--heartbeat", type=float, default=10, help="seconds between two signs of life (10)"
        )
        parser.add_argument(
            "--stalled-after",
            type=float,
            default=STALLED_AFTER_SECONDS,
            help="seconds without a sign of life after which a worker's jobs are begun anew (30)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_unsafe_start()
        except ImproperlyConfigured as fault:
            raise CommandError(str(fault)) from fault
        # Until there are jobs to finish: what is begun at the start is taken back on the way out,
        # which a process that is killed by the signal would leave behind.
        signal.signal(signal.SIGTERM, _leave)
        start_worker()
        queue = PsycopgConnector(
            conninfo=settings.WORKER_DATABASE_URL, min_size=1, max_size=CONNECTIONS
        )
        with app.replace_connector(queue):
            asyncio.run(self._work(options))

    async def _work(self, options: dict[str, Any]) -> None:
        loop, ending = asyncio.get_running_loop(), threading.Event()
        # asyncio's own has hardly more threads than the machine has cores, and jobs wait a lot.
        threads = options["concurrency"] + SHORT_JOBS_AT_ONCE + CONNECTIONS
        loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="job"))
        async with app.open_async():
            short = sorted({task.queue for task in app.tasks.values()} - {LONG_JOBS})
            pools = [
                asyncio.create_task(
                    self._pool("long", [LONG_JOBS], options["concurrency"], ending, options)
                ),
                asyncio.create_task(
                    self._pool("short", short, SHORT_JOBS_AT_ONCE, ending, options)
                ),
            ]

            def stop() -> None:
                if ending.is_set():
                    return  # a second cancelling would cut short what the first lets finish
                ending.set()
                for pool in pools:
                    pool.cancel()  # which has it finish what is in work

            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop)
            await asyncio.wait(pools, return_when=asyncio.FIRST_COMPLETED)
            stop()  # one without the other is no worker
            for outcome in await asyncio.gather(*pools, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    async def _pool(
        self,
        name: str,
        queues: list[str],
        concurrency: int,
        ending: threading.Event,
        options: dict[str, Any],
    ) -> None:
        await app.run_worker_async(
            name=name,
            queues=queues,
            concurrency=concurrency,
            fetch_job_polling_interval=ASK_EVERY_SECONDS,
            abort_job_polling_interval=ASK_EVERY_SECONDS,
            shutdown_graceful_timeout=FINISH_WITHIN_SECONDS,
            update_heartbeat_interval=options["heartbeat"],
            stalled_worker_timeout=options["stalled_after"],
            additional_context={"stalled_after": options["stalled_after"], "ending": ending},
            install_signal_handlers=False,
            delete_jobs="successful",
        )


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)
