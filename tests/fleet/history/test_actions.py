import math

import pytest
from django.db import connection

from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import HistoryRefused, NewEvent
from agenhood.fleet.models import Conversation, Event, SearchDocument, Task
from agenhood.fleet.search import Selection
from tests.factories import ArtifactFactory
from workspaces.models import AuditEntry

MESSAGE = Event.Kind.MESSAGE
FINISHED = Task.State.SUCCEEDED


def found(words):
    return Selection(words=words).count().number


def actions():
    return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def test_tasks_and_events_are_numbered_from_one_without_gaps(desk):
    by = desk.membership.user
    conversation, other = desk.conversation(), desk.conversation()

    with desk.scope:
        tasks = [history.add_task(conversation, text="x", by=by) for _ in range(3)]
        alone = history.add_task(other, text="x", by=by)
        history.append_events(tasks[1], [NewEvent(MESSAGE), NewEvent(MESSAGE)])
        history.append_events(tasks[0], [NewEvent(MESSAGE)])
        history.append_events(tasks[1], [])
        last = history.append_events(tasks[1], [NewEvent(MESSAGE)])

        numbers = (
            Event.objects.filter(task=tasks[1]).order_by("id").values_list("number", flat=True)
        )
        assert [task.number for task in tasks] == [1, 2, 3]
        assert alone.number == 1
        assert list(numbers) == [1, 2, 3]
        assert [event.number for event in last] == [3]


def test_a_task_says_whose_it_was_when_it_was_given(desk):
    with desk.scope:
        task = history.add_task(desk.conversation(), text="x", by=desk.membership.user)

    assert task.state == Task.State.QUEUED
    assert (task.agent_id, task.project_id) == (desk.agent.pk, desk.agent.project_id)
    assert task.agent_revision == desk.agent.revision
    assert task.created_by_id == desk.membership.user_id


def test_a_task_is_found_from_its_first_moment_and_by_what_it_says_as_it_runs(desk):
    with desk.scope:
        conversation = history.start_conversation(
            agent=desk.agent, title="Count falcons", by=desk.membership.user
        )
        task = history.add_task(conversation, text="in the old tower", by=desk.membership.user)
        assert found("falcons tower") == 1
        history.start_task(task)
        history.append_events(task, [NewEvent(MESSAGE, "climbing stairs")])
        assert found("falcons tower climbing") == 1
        history.finish_task(task, state=FINISHED, output="three nests")
        assert found("falcons tower stairs nests") == 1


def test_writing_events_one_by_one_writes_the_document_anew_only_now_and_then(desk):
    with desk.scope:
        task = history.add_task(desk.conversation(), text="x", by=desk.membership.user)
        with connection.execute_wrapper(lambda run, sql, *rest: counting(run, sql, *rest)):
            counted.clear()
            for number in range(100):
                history.append_events(task, [NewEvent(MESSAGE, f"word{number}")])
        indexed = sum("fleet_index_task" in sql for sql in counted)
        missing = [number for number in range(100) if not found(f"word{number}")]

        assert indexed < 25
        assert len(missing) <= 20
        assert all(number >= 80 for number in missing)
        history.finish_task(task, state=FINISHED)
        assert all(found(f"word{number}") for number in range(100))


counted: list[str] = []


def counting(run, sql, *rest):
    counted.append(sql)
    return run(sql, *rest)


def test_a_task_starts_once_and_ends_once(desk):
    with desk.scope:
        task = history.add_task(desk.conversation(), text="x", by=desk.membership.user)

        assert history.start_task(task)
        assert not history.start_task(task)
        assert history.finish_task(task, state=Task.State.FAILED, reason="no such file")
        assert not history.finish_task(task, state=FINISHED, output="too late")
        assert not history.start_task(task)

        stored = Task.objects.get(pk=task.pk)
        assert (stored.state, stored.state_reason, stored.output) == ("failed", "no such file", "")
        assert stored.started_at
        assert stored.finished_at


def test_what_postgresql_cannot_store_is_left_out(desk):
    with desk.scope:
        conversation = history.start_conversation(
            agent=desk.agent, title="a\0b", by=desk.membership.user
        )
        task = history.add_task(conversation, text="c\0d", by=desk.membership.user)
        data = {"k\0ey": ["v\0alue", {"n": 1}], "\udfff": ["\ud800x", math.nan, -math.inf]}
        history.append_events(task, [NewEvent(MESSAGE, "e\0f\ud83d", data)])
        history.finish_task(task, state=FINISHED, output="g\0h", reason="i\0j")

        event = Event.objects.get()
        task = Task.objects.get()
        assert (conversation.title, task.input, event.text) == ("ab", "cd", "ef?")
        assert event.data == {"key": ["value", {"n": 1}], "?": ["?x", "nan", "-inf"]}
        assert (task.output, task.state_reason) == ("gh", "ij")


def test_texts_beyond_all_measure_are_stored_and_found_by_their_beginning(desk):
    huge = "first " + " ".join(f"{number:06x}" for number in range(200_000)) + " last"
    with desk.scope:
        conversation = history.start_conversation(
            agent=desk.agent, title="x" * 300, by=desk.membership.user
        )
        task = history.add_task(conversation, text="y", by=desk.membership.user)
        history.append_events(task, [NewEvent(MESSAGE, huge), NewEvent(MESSAGE, "𐍈" * 100_000)])
        history.finish_task(task, state=FINISHED, output=huge, reason="z" * 900)

        assert len(conversation.title) == 200
        assert Event.objects.get(number=1).text == huge[:1_000_000]
        assert Task.objects.get().output == huge
        assert found("first") == 1
        assert found("last") == 0


def test_a_renamed_conversation_is_found_by_its_new_title_only(desk):
    task = desk.ask("x", title="Falcons")
    with desk.scope:
        conversation = Conversation.objects.get()
        history.add_task(conversation, text="y", by=desk.membership.user)

        history.rename(conversation, title="Kestrels")
        history.rename(conversation, title="Kestrels")

        assert [found("falcons"), found("kestrels")] == [0, 1]
        assert Selection(words="kestrels").batch(None, 9) == [task]
    with desk.scope:
        assert actions().count("conversation.change") == 1


def test_nothing_is_added_to_an_archived_conversation_until_it_is_restored(desk):
    conversation = desk.conversation()
    with desk.scope:
        history.archive(conversation)
        history.archive(conversation)
        with pytest.raises(HistoryRefused, match="archived"):
            history.add_task(conversation, text="x", by=desk.membership.user)
        history.restore(conversation)
        history.restore(conversation)
        assert history.add_task(conversation, text="x", by=desk.membership.user).number == 1
    with desk.scope:
        assert actions()[-4:] == [
            "conversation.create",
            "conversation.archive",
            "conversation.restore",
            "task.create",
        ]


def test_a_deleted_conversation_leaves_nothing_behind(desk, other_desk):
    kept = desk.ask("falcons", title="Kept")
    task = desk.ask("kestrels", "a step", title="Gone")
    theirs = other_desk.ask("kestrels", "a step")
    ArtifactFactory(workspace=desk.membership.workspace, task=task)

    with desk.scope:
        history.delete(Conversation.objects.get(title="Gone"))

        assert list(Task.objects.all()) == [kept]
        assert not Event.objects.exists()
        assert [d.task_id for d in SearchDocument.objects.all()] == [kept.pk]
        assert found("kestrels") == 0
    with other_desk.scope:
        assert list(Task.objects.all()) == [theirs]
        assert found("kestrels") == 1


@pytest.mark.parametrize("starts", [False, True])
def test_a_conversation_at_work_is_not_deleted(desk, starts):
    conversation = desk.conversation()
    with desk.scope:
        task = history.add_task(conversation, text="x", by=desk.membership.user)
        if starts:
            history.start_task(task)

        with pytest.raises(HistoryRefused, match="not ended"):
            history.delete(conversation)

        history.finish_task(task, state=Task.State.CANCELLED)
        history.delete(conversation)
        assert not Conversation.objects.exists()
