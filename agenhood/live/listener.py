"""The one connection of this process that the database tells what has changed."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from agenhood.fleet.live import CHANNEL

log = logging.getLogger("agenhood.live")

PROBE_SECONDS = 15.0  # of silence, before it is asked whether the connection still stands
WAITS_SECONDS = (0.1, 0.5, 1.0, 2.0)  # before each attempt to connect; the last for all others
KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


async def listen(
    conninfo: str, told: Callable[[UUID, UUID, str], None], look_everywhere: Callable[[], None]
) -> None:
    """Call `told` for each notification, for ever.

    `look_everywhere` is called each time that listening has begun: what was said before, nobody
    has heard. `conninfo` names the database itself; a pooler carries no notifications.
    """
    failures = 0
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                conninfo, autocommit=True, application_name="agenhood live", **KEEPALIVES
            )
            async with connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                look_everywhere()
                failures = 0
                await _hear(connection, told)
        except (psycopg.Error, OSError) as error:
            wait = WAITS_SECONDS[min(failures, len(WAITS_SECONDS) - 1)]
            failures += 1
            log.warning("not listening, again in %s s: %s", wait, type(error).__name__)
            await asyncio.sleep(wait)


async def _hear(
    connection: psycopg.AsyncConnection, told: Callable[[UUID, UUID, str], None]
) -> None:
    while True:
        async for notification in connection.notifies(timeout=PROBE_SECONDS):
            try:
                workspace_id, row_id, what = notification.payload.split("|")
                news = UUID(workspace_id), UUID(row_id), what
            except ValueError:
                log.warning("a notification of %s could not be read", CHANNEL)
            else:
                told(*news)
        await connection.execute("SELECT 1")
