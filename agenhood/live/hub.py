"""Who watches what in this process, and handing on to them what is new.

A channel is what all watchers of one topic share. Told that its topic has changed, it reads what
is new once, and puts the same bytes into each watcher's queue. Queues are short: whoever does not
keep up is let go, and comes back with the number of the last event that they have.

Told of events alone, it reads them and nothing else, which is quick; how the task is doing after
them follows a moment later, once for all that came meanwhile.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db import InterfaceError, OperationalError

from agenhood.live.frames import Frame

log = logging.getLogger("agenhood.live")

PENDING = 512  # frames that may wait for one watcher
MOST_HEARD = 200  # events that a channel reads the short way; more are read apart from the loop
LOOK_AGAIN_SECONDS = 0.5  # after the database gave no answer
FLEET_PAUSE_SECONDS = 0.2  # a workspace's fleet is told of once, however many tasks begin and end
STATUS_PAUSE_SECONDS = 0.5  # a task that does much is not asked after each event how it is doing
# What a program prints changes nothing of how its task is doing but the number of its events.
OUTPUT = "output"
OUTPUT_PAUSE_SECONDS = 5.0
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
    about: Any = None  # the task itself, by which its next events are shown


class Source(Protocol):
    """Where topics are read. The last two are short ways: without an answer, `read` has one."""

    async def read(
        self, topic: Topic, after: int | None, agents: frozenset[UUID] = frozenset()
    ) -> Reading | None:
        """Return what is new after an event's number (None: only how it is now), about these
        agents; None if the topic is gone."""

    async def events(self, topic: Topic, after: int, until: int, about: Any) -> list[Frame] | None:
        """Return a task's next events, at least the first of them."""

    async def status(self, topic: Topic, about: Any) -> Reading | None:
        """Return how a task is doing, and nothing else."""


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

    __slots__ = (
        "_about",
        "_asked",
        "_heard",
        "_is_status_due",
        "_notes",
        "_reader",
        "_source",
        "_status_timer",
        "is_queued",
        "is_stale",
        "position",
        "topic",
        "who",
    )

    def __init__(self, topic: Topic, source: Source) -> None:
        self.topic, self._source = topic, source
        self.who: set[Watcher] = set()
        self.position: int | None = None
        self.is_stale = self.is_queued = self._is_status_due = False
        self._heard = 0  # the last event that there is, as was said
        self._about: Any = None
        self._asked: set[UUID] = set()
        self._notes: dict[str, bytes] = {}
        self._reader: asyncio.Task[None] | None = None
        self._status_timer: asyncio.TimerHandle | None = None

    def reached(self, reading: Reading) -> None:
        """A watcher has read up to an event by itself."""
        if self.position is None:
            self.position, self.is_queued = reading.last, reading.is_queued
            self._about = reading.about
        self._begin()

    def stir(self, agents: Iterable[UUID] = ()) -> None:
        """Something has changed: read it, now or after what is being read."""
        self.is_stale = True
        self._asked.update(agents)
        self._begin()

    def heard(self, number: int) -> None:
        """There are events up to this number."""
        self._heard = max(self._heard, number)
        self._begin()

    def close(self) -> None:
        """Nobody watches any more."""
        if self._status_timer is not None:
            self._status_timer.cancel()

    def _begin(self) -> None:
        is_reading = self._reader is not None and not self._reader.done()
        if self._has_work() and not is_reading:
            self._reader = asyncio.create_task(self._read())

    def _has_work(self) -> bool:
        """Whether there is something to read, and from where it is known."""
        if self.position is None or not self.who:
            return False
        return self.is_stale or self._is_status_due or self._heard > self.position

    async def _read(self) -> None:
        try:
            while self._has_work():
                if self.is_stale:
                    await self._read_all()
                elif self.position is not None and self._heard > self.position:
                    await self._read_events(self.position)
                else:
                    await self._read_status()
        except Exception as error:
            # A fault of ours: nobody waits for ever. The kind only: words may be content.
            log.error("what is new could not be read: %s", type(error).__name__)
            self._end("unknown")

    async def _read_all(self) -> None:
        self.is_stale = self._is_status_due = False
        self._heard = 0  # as far as it is true, it is read now
        asked, self._asked = frozenset(self._asked), set()
        try:
            reading = await self._source.read(self.topic, self.position, asked)
        except (InterfaceError, OperationalError) as error:
            log.warning("what is new could not be read: %s", type(error).__name__)
            self.is_stale = True
            self._asked |= asked
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            return
        if reading is None:
            self._end("gone")
            return
        self.is_stale = self.is_stale or reading.more
        self._about = reading.about
        self._hand_on(reading)
        if self.topic.task_id is None:
            await asyncio.sleep(FLEET_PAUSE_SECONDS)

    async def _read_events(self, position: int) -> None:
        if self._heard - position > MOST_HEARD:
            self.is_stale = True
            return
        found = await self._source.events(self.topic, position, self._heard, self._about)
        if not found:
            self.is_stale = True
            return
        self.position = found[-1].ends
        self._put(found)
        is_output = all(frame.kind == OUTPUT for frame in found)
        self._look_at_status_in(OUTPUT_PAUSE_SECONDS if is_output else STATUS_PAUSE_SECONDS)

    def _look_at_status_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._status_timer is not None:
            if self._status_timer.when() <= loop.time() + seconds:
                return
            self._status_timer.cancel()
        self._status_timer = loop.call_later(seconds, self._look_at_status)

    def _look_at_status(self) -> None:
        self._status_timer, self._is_status_due = None, True
        self._begin()

    async def _read_status(self) -> None:
        self._is_status_due = False
        reading = await self._source.status(self.topic, self._about)
        if reading is None:
            self.is_stale = True
        else:
            self._hand_on(reading)

    def _end(self, reason: str) -> None:
        for watcher in list(self.who):
            watcher.end(reason)

    def _hand_on(self, reading: Reading) -> None:
        self.is_queued = reading.is_queued
        if reading.frames:
            self.position = reading.frames[-1].ends
        news: list[Frame | bytes] = list(reading.frames)
        news += [note for name, note in reading.notes.items() if self._notes.get(name) != note]
        self._notes = reading.notes
        self._put(news)

    def _put(self, news: Sequence[Frame | bytes]) -> None:
        if news:
            for watcher in self.who:
                watcher.put(news)


class Hub:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.channels: dict[Topic, Channel] = {}
        self.watchers: set[Watcher] = set()
        self.per_person: Counter[UUID] = Counter()

    def add(self, watcher: Watcher, person: UUID) -> None:
        """Hand on to a watcher what is new from now on."""
        self.watchers.add(watcher)
        self.per_person[person] += 1
        channel = self.channels.get(watcher.topic)
        if channel is None:
            channel = self.channels[watcher.topic] = Channel(watcher.topic, self.source)
        channel.who.add(watcher)

    def remove(self, watcher: Watcher, person: UUID) -> None:
        self.watchers.discard(watcher)
        self.per_person[person] -= 1
        if not self.per_person[person]:
            del self.per_person[person]
        channel = self.channels[watcher.topic]
        channel.who.discard(watcher)
        if not channel.who:
            channel.close()
            del self.channels[watcher.topic]

    def reached(self, watcher: Watcher, reading: Reading) -> None:
        self.channels[watcher.topic].reached(reading)

    def told(self, workspace_id: UUID, row_id: UUID, what: str) -> None:
        """Take in a notification: an event's number, "state" or "agent"."""
        if what != "agent" and (channel := self.channels.get(Topic(workspace_id, row_id))):
            if what.isascii() and what.isdecimal() and len(what) < 11:
                channel.heard(int(what))
            else:
                channel.stir()
        if what not in ("agent", "state"):
            return
        if fleet := self.channels.get(Topic(workspace_id, None)):
            fleet.stir([row_id])
        if what == "state":
            for channel in self.channels.values():
                if channel.is_queued and channel.topic.workspace_id == workspace_id:
                    channel.stir()

    def look_everywhere(self) -> None:
        """Notifications may have been lost: read what is new in every topic."""
        for channel in list(self.channels.values()):
            channel.stir()

    def end_all(self, reason: str) -> None:
        for watcher in list(self.watchers):
            watcher.end(reason)
