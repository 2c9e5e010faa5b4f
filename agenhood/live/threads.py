"""Short calls to the database, out of the event loop's way and on few connections."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections

T = TypeVar("T")

READERS = 4
# Asking again who may watch must not wait behind a thousand that have just come.
_pools = {
    "read": ThreadPoolExecutor(READERS, thread_name_prefix="live-read"),
    "watch": ThreadPoolExecutor(1, thread_name_prefix="live-watch"),
}


async def in_thread(call: Callable[..., T], *arguments: Any, pool: str = "read") -> T:
    """Return what `call` returns. The connection that it used is given back before that."""
    return await asyncio.get_running_loop().run_in_executor(_pools[pool], _run, call, arguments)


def _run(call: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    try:
        return call(*arguments)
    finally:
        connections.close_all()
