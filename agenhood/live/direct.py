"""A connection on which the event loop itself reads a few rows: nobody changes threads for them.

A statement goes there with its scope around it, as workspaces.scope would enter it, in one string:
the database is waited for once. It is the pages' own login, whom row security holds for.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

log = logging.getLogger("agenhood.live")

TIMEOUT_SECONDS = 5.0
ENTER = (
    "BEGIN READ ONLY; SELECT set_config('agenhood.workspace_id', %s, true),"
    " set_config('agenhood.user_id', '', true); CLOSE ALL; "
)
RESULTS_OF_ENTER = 3
LEAVE = "; COMMIT"


class NoAnswer(Exception):
    """The database gave no answer, or said that something was wrong."""


class Direct:
    """Opened with the first statement, and anew after whatever went wrong on it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def read(
        self, workspace_id: UUID, sql: str, parameters: Sequence[Any]
    ) -> tuple[list[str], list[Any]]:
        """Return columns and rows of one statement in a workspace's scope. Raises NoAnswer."""
        async with self._turn:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await self._read(workspace_id, sql, parameters)
            except BaseException as error:
                # A transaction may be open in it, or an answer on its way: nobody else gets it.
                await self.close()
                if isinstance(error, (psycopg.Error, OSError, TimeoutError)):
                    raise NoAnswer(type(error).__name__) from error
                raise

    async def _read(
        self, workspace_id: UUID, sql: str, parameters: Sequence[Any]
    ) -> tuple[list[str], list[Any]]:
        connection = self._connection or await self._connect()
        cursor = connection.cursor()
        await cursor.execute(f"{ENTER}{sql}{LEAVE}".encode(), [str(workspace_id), *parameters])
        for _ in range(RESULTS_OF_ENTER):
            cursor.nextset()
        return [column.name for column in cursor.description or ()], await cursor.fetchall()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        options = connections[DEFAULT_DB_ALIAS].get_connection_params() | {
            "application_name": self._name,
            # Puts the parameters into the string, which may then hold several statements.
            "cursor_factory": psycopg.AsyncClientCursor,
        }
        self._connection = await psycopg.AsyncConnection.connect(autocommit=True, **options)
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
