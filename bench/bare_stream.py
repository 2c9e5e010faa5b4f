"""The least that can stream events: a raw ASGI application with one LISTEN and queues in memory.

Nobody signs in, nothing is read or rendered: an event comes with the notification, as long as the
console's own, and is sent on to all watchers of its topic. It keeps nothing, so that whoever comes
back has missed what came meanwhile. BENCH_DATABASE says where it listens.

Nothing in it is there to be slow. Two things could be still less: a watcher waits for its queue
with `wait_for`, for the sake of pings, which is a task for each wait in Python 3.11; and an event
takes the way through a table and NOTIFY, as it must where another process writes it.
"""

import asyncio
import os
from typing import Any
from urllib.parse import parse_qs

import psycopg

CHANNEL = "bench_bare"
HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache, no-transform")]
PING_SECONDS = 15

queues: dict[str, set[asyncio.Queue[str]]] = {}
listening: list[asyncio.Task[None]] = []


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if not listening:
        listening.append(asyncio.create_task(_listen()))
    topic = parse_qs(scope["query_string"].decode()).get("topic", [""])[0]
    queue: asyncio.Queue[str] = asyncio.Queue(256)
    queues.setdefault(topic, set()).add(queue)
    pump = asyncio.create_task(_pump(queue, send))
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    finally:
        pump.cancel()
        queues[topic].discard(queue)


async def _pump(queue: "asyncio.Queue[str]", send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await _send(send, b"retry: 2000\n: hello\n\n")
    while True:
        try:
            number, _, data = (await asyncio.wait_for(queue.get(), PING_SECONDS)).partition("|")
        except TimeoutError:
            await _send(send, b": ping\n\n")
        else:
            await _send(send, f"event: step\nid: {number}\ndata: {data}\n\n".encode())


async def _send(send: Any, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _listen() -> None:
    async with await psycopg.AsyncConnection.connect(
        os.environ["BENCH_DATABASE"], autocommit=True
    ) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        async for notification in connection.notifies():
            topic, _, rest = notification.payload.partition("|")
            for queue in queues.get(topic, ()):
                queue.put_nowait(rest)
