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
        self.held = asyncio.Event()
        self.held.set()

    async def read(self, topic, after, agents):
        self.reads += 1
        last = self.last
        await self.held.wait()
        if self.failures:
            self.failures -= 1
            raise OperationalError
        numbers = range((last if after is None else after) + 1, last + 1)
        return Reading([frames.step(number, "message", "") for number in numbers], last)


@pytest.fixture
def table():
    return Table()


@pytest.fixture
def watched(table):
    return Hub(table.read)


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
    assert table.reads == 2


async def test_it_is_read_once_for_all_who_watch(table, watched):
    watchers = [begin(watched) for _ in range(100)]
    table.last = 2
    watched.told(*TOPIC, "2")

    told = [await watcher.take() for watcher in watchers]

    assert table.reads == 1
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
    watched.told(*TOPIC, "2")

    assert await numbers(watcher, 2) == [1, 2]


async def test_nothing_is_left_of_those_who_have_left(watched):
    watchers = [begin(watched) for _ in range(3)]
    for watcher in watchers:
        watched.remove(watcher, PERSON)

    assert (watched.channels, watched.watchers, dict(watched.per_person)) == ({}, set(), {})


async def test_a_topic_that_nobody_watches_is_not_read(table, watched):
    watched.told(uuid4(), uuid4(), "1")
    watched.told(uuid4(), uuid4(), "state")
    watched.told(uuid4(), TOPIC.task_id, "1")
    await asyncio.sleep(0)

    assert table.reads == 0
