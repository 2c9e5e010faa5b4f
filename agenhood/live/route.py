"""The address of streams, /w/<slug>/stream/, answered beside everything else.

    ?task=<id>&after=<number>   the events of a task that come after this one, and how it is doing
    ?fleet                      how many tasks are under way, and the states of agents

No thread and no connection to the database is held for a stream, only what uvicorn needs for it.
"""

import asyncio
import gc
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError

from agenhood.live import admission, frames
from agenhood.live.admission import Refused, Standing
from agenhood.live.hub import Hub, Reading, Watcher
from agenhood.live.listener import listen
from agenhood.live.replay import Tables
from agenhood.live.threads import in_thread
from agenhood.live.watch import look_after

log = logging.getLogger("agenhood.live")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

PATH = re.compile(r"/w/([^/]*)/stream/?")
PING_SECONDS = 15.0
PINGS_AT_ONCE = 50  # whoever waits for an event must not wait for a thousand pings

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-cache, no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would hold it back
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"vary", b"Cookie"),
]


@dataclass(frozen=True, slots=True)
class Options:
    """`database` is the database itself, past any pooler."""

    database: str
    recheck_seconds: float = 4.0
    per_person: int = 20
    per_process: int = 5000


class Streams:
    """All streams of this process, and `application` for every other address."""

    def __init__(self, application: Application, options: Options) -> None:
        self.application, self.options = application, options
        self.hub = Hub(Tables())
        self._work: list[asyncio.Task[None]] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        found = PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return await self.application(scope, receive, send)
        try:
            watcher, after = await self._admitted(scope, found[1])
        except Refused as refused:
            return await _refuse(send, refused)
        except (InterfaceError, OperationalError) as error:
            log.warning("nobody could be let in: %s", type(error).__name__)
            return await _refuse(send, Refused(503, "The database gives no answer."))
        person = watcher.standing.user_id
        try:
            await self._stream(watcher, after, receive, send)
        finally:
            self.hub.remove(watcher, person)

    async def _admitted(self, scope: Any, slug: str) -> tuple[Watcher, int | None]:
        request = admission.request_of(scope)
        wanted = admission.asked(request, slug)
        topic, standing = await in_thread(admission.admit, request, wanted)
        self._refuse_too_many(standing)
        watcher = Watcher(topic, standing)
        self.hub.add(watcher, standing.user_id)
        self._begin_work()
        return watcher, wanted.after

    def _refuse_too_many(self, standing: Standing) -> None:
        if self.hub.per_person[standing.user_id] >= self.options.per_person:
            raise Refused(429, "You watch in too many tabs already: close one.")
        if len(self.hub.watchers) >= self.options.per_process:
            raise Refused(429, "Too many people watch already: try again in a moment.")

    def _begin_work(self) -> None:
        """Listen from the first watcher on; a process that serves none needs none of this."""
        if self._work:
            return
        # What is loaded by now stays: looking for garbage in all of it stops the loop for 100 ms.
        gc.collect()
        gc.freeze()
        hub = self.hub
        work = [
            listen(self.options.database, hub.told, hub.look_everywhere),
            look_after(hub, self.options.recheck_seconds),
            _ping(hub),
        ]
        self._work = [asyncio.create_task(one) for one in work]
        for task in self._work:
            task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        """None of it comes to an end by itself. If one does, nobody watches without it."""
        for one in self._work:
            one.cancel()
        self._work = []
        if not task.cancelled():
            log.error("watching live has failed", exc_info=task.exception())
            self.hub.end_all("unknown")

    async def _stream(
        self, watcher: Watcher, after: int | None, receive: Receive, send: Send
    ) -> None:
        leaving = asyncio.create_task(_left(receive))
        pump = asyncio.create_task(self._pump(watcher, after, send))
        watcher.on_end = pump.cancel  # who reads nothing cannot be told
        try:
            await asyncio.wait({leaving, pump}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watcher.on_end = None
            leaving.cancel()
            pump.cancel()
            await asyncio.wait({leaving, pump})
        if not pump.cancelled() and (error := pump.exception()):
            raise error

    async def _pump(self, watcher: Watcher, after: int | None, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await _send(send, frames.HELLO)
        position = await self._catch_up(watcher, after, send)
        while not watcher.ended:
            body = []
            for item in await watcher.take():
                if isinstance(item, bytes):
                    body.append(item)
                elif position is not None and item.ends <= position:
                    continue  # it was read from the table already
                elif position is not None and item.begins == position + 1:
                    body.append(item.sent)
                    position = item.ends
                else:
                    await _send(send, b"".join(body))
                    body = []
                    position = await self._catch_up(watcher, position, send)
            await _send(send, b"".join(body))
        await _send(send, frames.end(watcher.ended), more=False)

    async def _catch_up(self, watcher: Watcher, after: int | None, send: Send) -> int | None:
        """Send what the table has after an event; return the number of the last one."""
        while not watcher.ended:
            try:
                reading: Reading | None = await self.hub.source.read(watcher.topic, after)
            except (InterfaceError, OperationalError) as error:
                log.warning("what was missed could not be read: %s", type(error).__name__)
                watcher.end("unknown")
                break
            if reading is None:
                watcher.end("gone")
                break
            sent = [frame.sent for frame in reading.frames]
            after = reading.last
            await _send(send, b"".join([*sent, *reading.notes.values()]))
            if not reading.more:
                self.hub.reached(watcher, reading)
                break
        return after


async def _ping(hub: Hub) -> None:
    """Show every proxy on the way, and whoever watches, that a stream without news still lives."""
    while True:
        await asyncio.sleep(PING_SECONDS)
        for number, watcher in enumerate(list(hub.watchers)):
            if not watcher.has_heard:
                watcher.put([frames.PING])
            watcher.has_heard = False
            if number % PINGS_AT_ONCE == 0:
                await asyncio.sleep(0.01)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    if body or not more:
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _refuse(send: Send, refused: Refused) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"private, no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if refused.status == 405:
        headers.append((b"allow", b"GET"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await _send(send, refused.words.encode(), more=False)
