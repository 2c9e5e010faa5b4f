"""A conversation in pages: every event once, whatever the page ends with."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Event
from agenhood.fleet.timeline import CHARACTERS, START, TASKS_ON_A_PAGE, duration, position, timeline
from tests.factories import ArtifactFactory

MESSAGE, TOOL = Event.Kind.MESSAGE, Event.Kind.TOOL_CALL


@pytest.fixture
def conversation_with(desk):
    """A conversation whose tasks have so many events each, every second one a tool call."""

    def conversation_with(*counts):
        conversation = desk.conversation()
        with desk.scope:
            for count in counts:
                task = history.add_task(conversation, text="x", by=desk.membership.user)
                kinds = [MESSAGE, TOOL] * count
                history.append_events(task, [NewEvent(kind, "y") for kind in kinds[:count]])
        return conversation

    return conversation_with


def events(page):
    return [(shown.task.number, item.event.number) for shown in page.tasks for item in shown.events]


@pytest.mark.parametrize("counts", [(), (0,), (3,), (5, 5), (0, 4, 0, 0, 3, 0), (1,) * 7, (2, 0)])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 50])
def test_pages_show_every_task_and_event_once_in_order_and_lead_back(
    desk, conversation_with, counts, size
):
    conversation = conversation_with(*counts)
    with desk.scope:
        pages, starts, after = [], [], ""
        while True:
            page = timeline(conversation, position(after), size=size)
            pages.append(page)
            starts.append(after)
            if not page.next:
                break
            after = page.next
        while page.previous:
            page = timeline(conversation, position(page.previous), size=size)

    seen = [event for page in pages for event in events(page)]
    assert seen == [(t, n) for t, count in enumerate(counts, 1) for n in range(1, count + 1)]
    tasks = [shown.task.number for page in pages for shown in page.tasks if not shown.is_continued]
    assert tasks == [*range(1, len(counts) + 1)]
    assert all(len(events(page)) <= size for page in pages)
    assert events(page) == events(pages[0])


def test_pages_of_one_kind_leave_out_the_others(desk, conversation_with):
    conversation = conversation_with(5, 0, 4)
    with desk.scope:
        first = timeline(conversation, kinds=[TOOL], size=2)
        second = timeline(conversation, position(first.next), kinds=[TOOL], size=2)

    assert events(first) == [(1, 2), (1, 4)]
    assert events(second) == [(3, 2), (3, 4)]
    assert second.next == ""


def test_many_tasks_without_events_come_in_pages_too(desk, conversation_with):
    conversation = conversation_with(*[0] * (TASKS_ON_A_PAGE + 3))
    with desk.scope:
        first = timeline(conversation)
        second = timeline(conversation, position(first.next))

    assert len(first.tasks) == TASKS_ON_A_PAGE
    assert [shown.task.number for shown in second.tasks] == [51, 52, 53]
    assert second.next == ""


@pytest.mark.parametrize("count", [3, 300])
def test_a_page_takes_the_same_statements_whatever_there_is(desk, conversation_with, count):
    conversation = conversation_with(*[count // 3] * 3)
    with desk.scope, CaptureQueriesContext(connection) as statements:
        timeline(conversation, (1, 1))

    assert len(statements) == 4


def test_long_texts_are_shown_by_their_beginning(desk):
    conversation = desk.conversation()
    with desk.scope:
        task = history.add_task(conversation, text="a" * (CHARACTERS + 5), by=desk.membership.user)
        data = {"tool": "shell", "b": "c" * CHARACTERS}
        history.append_events(task, [NewEvent(TOOL, "d" * (CHARACTERS + 7), data)])
        (shown,) = timeline(conversation).tasks

    (item,) = shown.events
    assert (len(shown.input.text), shown.input.rest) == (CHARACTERS, 5)
    assert (len(item.shown.text), item.shown.rest) == (CHARACTERS, 7)
    assert len(item.data.text) == CHARACTERS
    assert item.data.rest > 0
    assert item.title.startswith("shell ddd")
    assert not item.is_open


def test_artifacts_stand_with_their_task(desk, conversation_with):
    conversation = conversation_with(1, 1)
    workspace = desk.membership.workspace
    with desk.scope:
        tasks = list(conversation.tasks.order_by("number"))
    for path in ("b.txt", "a.txt"):
        ArtifactFactory(workspace=workspace, task=tasks[1], path=path)
    with desk.scope:
        shown = timeline(conversation).tasks

    names = [[name for _artifact, name in one.artifacts] for one in shown]
    assert names == [[], ["a.txt", "b.txt"]]


@pytest.mark.parametrize(
    "text", ["", "x", "1", "1.", ".1", "-1.0", "1.x", "1.2.3", "٣.٣", "\0", "9" * 5000 + ".1"]
)
def test_what_is_no_position_is_the_start(text):
    assert position(text) == START


@pytest.mark.parametrize(("text", "expected"), [("3.120", (3, 120)), ("9999999999.1", None)])
def test_a_position_is_a_tasks_number_and_an_events(text, expected):
    assert position(text) == (expected or (2**31 - 1, 1))


def test_a_position_beyond_the_end_shows_nothing_and_the_way_back(desk, conversation_with):
    conversation = conversation_with(2)
    with desk.scope:
        page = timeline(conversation, (2**31 - 1, 2**31 - 1), size=1)

    assert page.tasks == []
    assert page.previous == "1.1"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (125, "2 min 5 s"), (11400, "3 h 10 min"), (-3, "0 s")],
)
def test_durations_are_said_in_words(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words
