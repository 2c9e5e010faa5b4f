"""Ending tasks, and trying them again."""

import pytest

from agenhood.fleet.actions import task as actions
from agenhood.fleet.models import Agent, Approval, Event
from tests.pages import page

ENDED = ["succeeded", "failed", "cancelled", "timed_out"]


@pytest.mark.parametrize("verb", ["cancel", "stop"])
def test_a_queued_task_ends_at_once_and_the_next_one_begins(desk, verb):
    first, second = desk.submit(), desk.submit()
    assert second.job is None

    response = desk.client.post(desk.url(f"task-{verb}", first))

    ended, waiting = desk.again(first), desk.again(second)
    assert response["Location"] == desk.url("task-detail", first)
    assert (ended.state, ended.job) == ("cancelled", None)
    assert ended.finished_at is not None
    assert ended.cancel_requested_by_id == desk.membership.user_id
    assert waiting.job is not None
    assert desk.trail()[-1] == (f"task.{verb}", "done")
    with desk.scope:
        assert Event.objects.get(task=first).data["state"] == "cancelled"


def test_a_task_that_waits_for_answers_ends_at_once_and_needs_none_any_more(desk):
    task = desk.waiting("call-1", "call-2")
    task = desk.put(task, input_tokens=70, cost_micros=9)

    desk.client.post(desk.url("task-cancel", task))

    ended = desk.again(task)
    assert (ended.state, ended.input_tokens, ended.cost_micros) == ("cancelled", 70, 9)
    with desk.scope:
        states = set(Approval.objects.values_list("state", flat=True))
    assert states == {"void"}


def test_a_running_task_is_asked_to_end_and_then_stopped_by_force(desk):
    task = desk.put(desk.submit(), state="running")
    before = len(desk.trail())

    for _ in "twice":
        desk.client.post(desk.url("task-cancel", task))
    asked = desk.again(task)
    for _ in "twice":
        desk.client.post(desk.url("task-stop", task))
    stopped = desk.again(task)

    assert (asked.state, asked.is_stopped_by_force) == ("running", False)
    assert asked.cancel_requested_at is not None
    assert (stopped.state, stopped.is_stopped_by_force) == ("running", True)
    assert stopped.cancel_requested_at == asked.cancel_requested_at
    assert desk.trail()[before:] == [("task.cancel", "done"), ("task.stop", "done")]


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("verb", ["cancel", "stop"])
def test_what_has_ended_stays_as_it_is(desk, verb, state):
    task = desk.put(desk.submit(), state=state, job=None)
    before = desk.trail()

    assert desk.client.post(desk.url(f"task-{verb}", task)).status_code == 302

    assert desk.again(task).state == state
    assert desk.again(task).cancel_requested_at is None
    assert desk.trail() == before


# Once more


def test_a_task_is_tried_again_as_it_was(desk):
    first = desk.put(desk.submit(" Count the birds.\n"), state="failed", job=None)

    response = desk.client.post(desk.url("task-retry", first))

    _first, again = desk.tasks()
    assert response["Location"] == desk.url("task-detail", again)
    assert (again.input, again.retry_of, again.number) == (first.input, 1, 2)
    assert again.conversation_id == first.conversation_id


def test_a_task_is_tried_again_with_another_text(desk):
    first = desk.put(desk.submit(), state="cancelled", job=None)
    shown = page(desk.client.get(desk.url("task-retry", first)))
    form = shown.one("form", class_="task-form")
    assert form.one("textarea", name="text").text.strip() == "Count the birds."
    key = form.one("input", name="submission")["value"]
    sent = {"text": "Count the owls.", "submission": key}

    for _ in "twice":
        desk.client.post(form["action"], sent)

    _first, again = desk.tasks()
    assert (again.input, again.retry_of) == ("Count the owls.", 1)


@pytest.mark.parametrize("state", ["queued", "running", "waiting"])
def test_what_has_not_ended_is_not_tried_again(desk, state):
    task = desk.put(desk.submit(), state=state)

    response = desk.client.post(desk.url("task-retry", task))

    assert response.status_code == 422
    assert "has not ended yet" in page(response).one("ul", class_="nonfield").text
    assert len(desk.tasks()) == 1


def test_an_agent_that_is_paused_tries_nothing_again(desk):
    task = desk.put(desk.submit(), state="failed", job=None)
    with desk.scope:
        Agent.objects.update(state="paused")

    response = desk.client.post(desk.url("task-retry", task))

    assert "Owl is paused" in page(response).one("ul", class_="nonfield").text


def test_of_two_at_once_one_cancels(desk):
    task = desk.submit()
    with desk.scope:
        assert actions.cancel(task, by=desk.membership.user)
        assert not actions.cancel(task, by=desk.membership.user)
