"""Handing on without the network: what a browser can hardly be made to do."""

import asyncio
from uuid import uuid4

import pytest
from django.db import OperationalError

from agenhood.live import frames, hub
from agenhood.live.hub import Hub, Reading, Topic, Watcher

TOPIC = Topic(uuid4(), uuid4())
PERSON = uuid4()


class Table:
    """What is to be read: events up to a number."""

    def __init__(self):
        self.last, self.reads, self.failures = 0, 0, 0
        self.short_reads = self.statuses = 0
        self.is_short_way_closed = False
        self.kind = "message"
        self.held = asyncio.Event()
        self.held.set()

    async def read(self, topic, after, agents=frozenset()):
        self.reads += 1
        last = self.last
        await self.held.wait()
        if self.failures:
            self.failures -= 1
            raise OperationalError
        return Reading(self.steps(last if after is None else after, last), last)

    async def events(self, topic, after, until, about):
        self.short_reads += 1
        last = self.last
        await self.held.wait()
        return None if self.is_short_way_closed else self.steps(after, min(last, until))

    async def status(self, topic, about):
        self.statuses += 1
        return Reading(notes={"status": b"how it is"})

    def steps(self, after, last):
        return [frames.step(number, self.kind, "") for number in range(after + 1, last + 1)]


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def watched(table):
    return Hub(table)


def begin(watched, position=0):
    watcher = Watcher(TOPIC, None)
    watched.add(watcher, PERSON)
    watched.reached(watcher, Reading(last=position))
    return watcher


async def numbers(watcher, last):
    found = []
    while not found or found[-1] < last:
        found += [frame.ends for frame in await watcher.take()]
    return found


async def settled(watched):
    """Wait until everything is read."""
    for channel in watched.channels.values():
        if channel._reader is not None:
            await channel._reader


async def test_what_is_told_while_it_is_read_is_read_after(table, watched):
    watcher = begin(watched)
    table.held.clear()
    table.last = 1
    watched.told(*TOPIC, "1")
    await asyncio.sleep(0)
    table.last = 3
    watched.told(*TOPIC, "2")
    watched.told(*TOPIC, "3")
    table.held.set()

    assert await numbers(watcher, 3) == [1, 2, 3]
    assert (table.reads, table.short_reads) == (0, 2)


async def test_it_is_read_once_for_all_who_watch(table, watched):
    watchers = [begin(watched) for _ in range(100)]
    table.last = 2
    watched.told(*TOPIC, "2")

    told = [await watcher.take() for watcher in watchers]

    assert (table.reads, table.short_reads) == (0, 1)
    assert all(one[0] is told[0][0] for one in told)


async def test_a_notification_before_the_first_has_read_is_kept(table, watched):
    watcher = Watcher(TOPIC, None)
    watched.add(watcher, PERSON)
    table.last = 2
    watched.told(*TOPIC, "2")
    assert table.reads == 0

    watched.reached(watcher, Reading(last=1))

    assert await numbers(watcher, 2) == [2]


async def test_a_notification_right_after_a_reading_is_not_lost(table, watched):
    """Between its last look and its end, the reading is over and not yet done."""
    watcher = begin(watched)
    for last in range(1, 50):
        table.last = last
        watched.told(*TOPIC, str(last))
        assert await numbers(watcher, last) == [last]


async def test_who_does_not_keep_up_is_let_go_and_holds_nothing(table, watched):
    slow, fast = begin(watched), begin(watched)
    for last in range(100, hub.PENDING + 200, 100):
        table.last = last
        watched.told(*TOPIC, str(last))
        await numbers(fast, last)

    assert slow.ended == "slow"
    assert await slow.take() == []
    assert not fast.ended


async def test_who_reads_nothing_is_cut_off(watched, monkeypatch):
    monkeypatch.setattr(hub, "GRACE_SECONDS", 0)
    watcher = begin(watched)
    is_cut = asyncio.Event()
    watcher.on_end = is_cut.set

    watcher.end("signed_out")

    await asyncio.wait_for(is_cut.wait(), 10)


async def test_the_database_comes_back(table, watched, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_AGAIN_SECONDS", 0)
    watcher = begin(watched)
    table.last, table.failures = 2, 3
    watched.told(*TOPIC, "state")

    assert await numbers(watcher, 2) == [1, 2]


async def test_the_short_way_is_closed(table, watched):
    watcher = begin(watched)
    table.last, table.is_short_way_closed = 2, True
    watched.told(*TOPIC, "2")

    assert await numbers(watcher, 2) == [1, 2]
    assert (table.reads, table.short_reads) == (1, 1)


async def test_many_events_at_once_go_the_long_way(table, watched):
    watcher = begin(watched)
    table.last = hub.MOST_HEARD + 1
    watched.told(*TOPIC, str(table.last))

    assert len(await numbers(watcher, table.last)) == table.last
    assert (table.reads, table.short_reads) == (1, 0)


@pytest.mark.parametrize("number", ["9", "9" * 10, "9" * 5000])
async def test_an_event_is_told_of_that_there_is_not(table, watched, number):
    """Whoever may speak on the channel may say anything: it is looked at once."""
    watcher = begin(watched)
    table.last = 1
    watched.told(*TOPIC, number)

    assert await numbers(watcher, 1) == [1]
    await settled(watched)
    assert table.reads + table.short_reads < 4


async def test_how_a_task_is_doing_is_told_once_for_many_events(table, watched, monkeypatch):
    monkeypatch.setattr(hub, "STATUS_PAUSE_SECONDS", 0)
    watcher = begin(watched)
    table.last = 30
    for number in range(1, table.last + 1):
        watched.told(*TOPIC, str(number))

    told = []
    while b"how it is" not in told:
        told += await watcher.take()

    assert [frame.ends for frame in told[:-1]] == list(range(1, 31))
    assert table.statuses == 1


async def test_what_a_program_prints_does_not_hold_back_how_its_task_is_doing(
    table, watched, monkeypatch
):
    monkeypatch.setattr(hub, "STATUS_PAUSE_SECONDS", 0)
    watcher = begin(watched)
    table.kind = hub.OUTPUT
    table.last = 1
    watched.told(*TOPIC, "1")
    await numbers(watcher, 1)
    await settled(watched)
    assert table.statuses == 0

    table.kind = "usage"
    table.last = 2
    watched.told(*TOPIC, "2")
    await numbers(watcher, 2)

    assert await watcher.take() == [b"how it is"]


async def test_nothing_is_left_of_those_who_have_left(table, watched):
    watchers = [begin(watched) for _ in range(3)]
    table.last = 1
    watched.told(*TOPIC, "1")
    await settled(watched)
    (channel,) = watched.channels.values()
    for watcher in watchers:
        watched.remove(watcher, PERSON)

    assert channel._status_timer.cancelled()
    assert (watched.channels, watched.watchers, dict(watched.per_person)) == ({}, set(), {})


async def test_a_topic_that_nobody_watches_is_not_read(table, watched):
    watched.told(uuid4(), uuid4(), "1")
    watched.told(uuid4(), uuid4(), "state")
    watched.told(uuid4(), TOPIC.task_id, "1")
    await asyncio.sleep(0)

    assert table.reads == 0
