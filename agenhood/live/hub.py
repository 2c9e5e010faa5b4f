"""Who watches what in this process, and handing on to them what is new.

A channel is what all watchers of one topic share. Told that its topic has changed, it reads what
is new once, and puts the same bytes into each watcher's queue. Queues are short: whoever does not
keep up is let go, and comes back with the number of the last event that they have.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db import InterfaceError, OperationalError

from agenhood.live.frames import Frame

log = logging.getLogger("agenhood.live")

PENDING = 512  # frames that may wait for one watcher
LOOK_AGAIN_SECONDS = 0.5  # after the database gave no answer
FLEET_PAUSE_SECONDS = 0.2  # a workspace's fleet is told of once, however many tasks begin and end
GRACE_SECONDS = 1.0  # for somebody who reads nothing to be told of the end


class Topic(NamedTuple):
    """A task, or without one the whole fleet, of a workspace."""

    workspace_id: UUID
    task_id: UUID | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What is new in a topic: `frames` up to event number `last` if there are no `more`, and
    `notes`, each of which replaces the one before of its name. `is_queued` is whether the task
    waits in a queue, where its place changes with others."""

    frames: list[Frame] = field(default_factory=list)
    last: int = 0
    notes: dict[str, bytes] = field(default_factory=dict)
    more: bool = False
    is_queued: bool = False


# Of a topic, after an event's number (None: only how it is now), about these agents.
Read = Callable[[Topic, int | None, frozenset[UUID]], Awaitable[Reading | None]]


class Watcher:
    """Somebody who watches a topic. What is put into it, `take` returns, in order.

    `standing` is by what they may: an admission.Standing, which a hub does not look at.
    """

    __slots__ = ("_pending", "_waits", "ended", "has_heard", "on_end", "standing", "topic")

    def __init__(self, topic: Topic, standing: Any) -> None:
        self.topic, self.standing = topic, standing
        self.ended = ""  # why
        self.has_heard = False  # since the last ping
        self.on_end: Callable[[], object] | None = None
        self._pending: list[Frame | bytes] = []
        self._waits: asyncio.Future[None] | None = None

    def put(self, items: Iterable[Frame | bytes]) -> None:
        if self.ended:
            return
        self._pending += items
        self.has_heard = True
        if len(self._pending) > PENDING:
            self.end("slow")
        self._wake()

    def end(self, reason: str) -> None:
        """Have the stream end, with this as its last word. What waits is not sent any more."""
        if self.ended:
            return
        self.ended = reason
        self._pending.clear()
        self._wake()
        if self.on_end is not None:
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self.on_end)

    async def take(self) -> list[Frame | bytes]:
        """Return what has come since the last call, at least one thing unless the end has come."""
        while not self._pending and not self.ended:
            self._waits = asyncio.get_running_loop().create_future()
            await self._waits
        taken, self._pending = self._pending, []
        return taken

    def _wake(self) -> None:
        if self._waits is not None and not self._waits.done():
            self._waits.set_result(None)
        self._waits = None


class Channel:
    """`position` is the last event that was handed on, None until a watcher has read where the
    topic stands."""

    __slots__ = ("_asked", "_notes", "_reader", "is_queued", "is_stale", "position", "topic", "who")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.who: set[Watcher] = set()
        self.position: int | None = None
        self.is_stale = self.is_queued = False
        self._asked: set[UUID] = set()
        self._notes: dict[str, bytes] = {}
        self._reader: asyncio.Task[None] | None = None

    def reached(self, last: int, is_queued: bool, read: Read) -> None:
        """A watcher has read up to an event by itself."""
        if self.position is None:
            self.position, self.is_queued = last, is_queued
        if self.is_stale:
            self.stir(read)

    def stir(self, read: Read, agents: Iterable[UUID] = ()) -> None:
        """Something has changed: read it, now or after what is being read."""
        self.is_stale = True
        self._asked.update(agents)
        if self.position is not None and (self._reader is None or self._reader.done()):
            self._reader = asyncio.create_task(self._read(read))

    async def _read(self, read: Read) -> None:
        while self.is_stale and self.who:
            self.is_stale = False
            asked, self._asked = frozenset(self._asked), set()
            try:
                reading = await read(self.topic, self.position, asked)
            except (InterfaceError, OperationalError) as error:
                log.warning("what is new could not be read: %s", type(error).__name__)
                self.is_stale = True
                self._asked |= asked
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                continue
            except Exception as error:
                # A fault of ours: nobody waits for ever. The kind only: words may be content.
                log.error("what is new could not be read: %s", type(error).__name__)
                self._end("unknown")
                return
            if reading is None:
                self._end("gone")
                return
            self._hand_on(reading)
            if self.topic.task_id is None:
                await asyncio.sleep(FLEET_PAUSE_SECONDS)

    def _end(self, reason: str) -> None:
        for watcher in list(self.who):
            watcher.end(reason)

    def _hand_on(self, reading: Reading) -> None:
        self.is_queued = reading.is_queued
        self.is_stale = self.is_stale or reading.more
        if reading.frames:
            self.position = reading.frames[-1].ends
        news: list[Frame | bytes] = list(reading.frames)
        news += [note for name, note in reading.notes.items() if self._notes.get(name) != note]
        self._notes = reading.notes
        if news:
            for watcher in self.who:
                watcher.put(news)


class Hub:
    def __init__(self, read: Read) -> None:
        self.read = read
        self.channels: dict[Topic, Channel] = {}
        self.watchers: set[Watcher] = set()
        self.per_person: Counter[UUID] = Counter()

    def add(self, watcher: Watcher, person: UUID) -> None:
        """Hand on to a watcher what is new from now on."""
        self.watchers.add(watcher)
        self.per_person[person] += 1
        self.channels.setdefault(watcher.topic, Channel(watcher.topic)).who.add(watcher)

    def remove(self, watcher: Watcher, person: UUID) -> None:
        self.watchers.discard(watcher)
        self.per_person[person] -= 1
        if not self.per_person[person]:
            del self.per_person[person]
        channel = self.channels[watcher.topic]
        channel.who.discard(watcher)
        if not channel.who:
            del self.channels[watcher.topic]

    def reached(self, watcher: Watcher, reading: Reading) -> None:
        self.channels[watcher.topic].reached(reading.last, reading.is_queued, self.read)

    def told(self, workspace_id: UUID, row_id: UUID, what: str) -> None:
        """Take in a notification: an event's number, "state" or "agent"."""
        if what != "agent" and (channel := self.channels.get(Topic(workspace_id, row_id))):
            channel.stir(self.read)
        if what not in ("agent", "state"):
            return
        if fleet := self.channels.get(Topic(workspace_id, None)):
            fleet.stir(self.read, [row_id])
        if what == "state":
            for channel in self.channels.values():
                if channel.is_queued and channel.topic.workspace_id == workspace_id:
                    channel.stir(self.read)

    def look_everywhere(self) -> None:
        """Notifications may have been lost: read what is new in every topic."""
        for channel in list(self.channels.values()):
            channel.stir(self.read)

    def end_all(self, reason: str) -> None:
        for watcher in list(self.watchers):
            watcher.end(reason)
