"""Run background jobs until stopped: `manage.py worker`."""

import asyncio
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from procrastinate.contrib.django import app
from procrastinate.psycopg_connector import PsycopgConnector

from workspaces.isolation import refuse_unsafe_start
from workspaces.jobs import STALLED_AFTER_SECONDS

# A job that is ready is begun at once, as the queue notifies its workers. One that waited for
# another's lock is found by asking, which costs a query of an index.
ASK_EVERY_SECONDS = 0.5
FINISH_WITHIN_SECONDS = 5  # after a signal to stop; what takes longer goes on in another run
CONNECTIONS = 4  # of the queue itself; each job in work has one of its own beside


class Command(BaseCommand):
    help = "Runs background jobs until stopped. More of them, on more machines, share the work."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=4, help="jobs in work at once (4)")
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
        queue = PsycopgConnector(
            conninfo=settings.WORKER_DATABASE_URL, min_size=1, max_size=CONNECTIONS
        )
        with app.replace_connector(queue):
            asyncio.run(self._work(options))

    async def _work(self, options: dict[str, Any]) -> None:
        async with app.open_async():
            await app.run_worker_async(
                name="worker",
                concurrency=options["concurrency"],
                fetch_job_polling_interval=ASK_EVERY_SECONDS,
                abort_job_polling_interval=ASK_EVERY_SECONDS,
                shutdown_graceful_timeout=FINISH_WITHIN_SECONDS,
                update_heartbeat_interval=options["heartbeat"],
                stalled_worker_timeout=options["stalled_after"],
                additional_context={"stalled_after": options["stalled_after"]},
                delete_jobs="successful",
            )
