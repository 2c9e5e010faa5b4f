"""Giving an agent a task: what is made of it, and why it may be refused."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.utils import timezone

from agenhood.fleet.actions import task as actions
from agenhood.fleet.actions.task import title_of
from agenhood.fleet.models import Conversation
from tests.factories import AgentFactory, ConversationFactory, MembershipFactory
from tests.fleet.tasks.conftest import COMMAND
from tests.pages import page
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope


def limit(desk, **limits):
    with platform_scope("test data"):
        Workspace.objects.filter(pk=desk.membership.workspace_id).update(**limits)


def words(response):
    assert response.status_code == 422
    return page(response).one("ul", class_="nonfield").text


def test_a_task_from_the_agents_page_is_queued_in_a_conversation_of_its_own(desk):
    shown = page(desk.client.get(desk.url("agent-detail", desk.agent)))
    form = shown.one("form", class_="task-form")
    sent = {"text": "Count the birds.\r\nAll of them.", "submission": ""}
    sent["submission"] = form.one("input", name="submission")["value"]

    response = desk.client.post(form["action"], sent)

    (task,) = desk.tasks()
    assert response["Location"] == desk.url("task-detail", task)
    assert (task.input, task.state) == ("Count the birds.\nAll of them.", "queued")
    assert (task.conversation.title, task.number) == ("Count the birds.", 1)
    assert (task.created_by_id, str(task.submission)) == (
        desk.membership.user_id,
        sent["submission"],
    )
    assert task.job is not None
    assert desk.trail()[-2:] == [("conversation.create", "done"), ("task.create", "done")]


def test_a_form_that_is_sent_twice_is_one_task(desk):
    sent = {"text": "Count the birds.", "submission": str(uuid4())}

    first, second = (desk.client.post(desk.url("task-create", desk.agent), sent) for _ in "ab")

    assert first["Location"] == second["Location"]
    assert len(desk.tasks()) == 1


def test_a_submission_whose_other_sending_was_not_seen_yet_is_one_task(desk, monkeypatch):
    key = uuid4()
    first = desk.submit(submission=key)
    looks = iter([lambda *_args: None])
    look = actions._made_by
    monkeypatch.setattr(actions, "_made_by", lambda *args: next(looks, look)(*args))

    assert desk.submit(submission=key) == first
    assert len(desk.tasks()) == 1
    with desk.scope:
        assert Conversation.objects.count() == 1


def test_a_submission_of_somebody_elses_is_not_answered_with_their_task(desk):
    key = uuid4()
    theirs = desk.submit(submission=key)
    fellow = MembershipFactory(workspace=desk.membership.workspace, role=Role.OPERATOR)

    with desk.scope:
        assert actions._made_by(key, desk.agent, fellow.user) is None
        assert actions._made_by(key, desk.agent, desk.membership.user) == theirs


def test_a_conversation_goes_on(desk):
    first = desk.submit("Count the birds.")
    address = desk.url("task-create", desk.agent)
    shown = page(desk.client.get(address, {"conversation": first.conversation_id}))
    assert shown.one("h1").text == "Go on with Count the birds."
    (hidden,) = shown.all("input", name="conversation")

    desk.client.post(address, {"text": "And the bees.", "conversation": hidden["value"]})

    _first, second = desk.tasks()
    assert (second.conversation_id, second.number) == (first.conversation_id, 2)


@pytest.mark.parametrize("whose", ["another agent", "another workspace", "nobody", "nonsense"])
def test_no_other_conversation_goes_on(desk, foreign, whose):
    if whose == "another agent":
        other = AgentFactory(workspace=desk.membership.workspace, **COMMAND)
        key = ConversationFactory(workspace=desk.membership.workspace, agent=other).pk
    elif whose == "another workspace":
        key = ConversationFactory(workspace=foreign.workspace, agent=foreign).pk
    else:
        key = uuid4() if whose == "nobody" else "x"
    address = desk.url("task-create", desk.agent)

    assert desk.client.get(address, {"conversation": key}).status_code == 404
    sent = {"text": "And the bees.", "conversation": key}
    assert desk.client.post(address, sent).status_code == 404
    assert desk.tasks() == []


def test_an_archived_conversation_does_not_go_on(desk):
    first = desk.submit()
    with desk.scope:
        Conversation.objects.update(archived_at=timezone.now())
    sent = {"text": "And the bees.", "conversation": first.conversation_id}

    response = desk.client.post(desk.url("task-create", desk.agent), sent)

    assert "archived" in words(response)
    assert len(desk.tasks()) == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"state": "paused"}, "Owl is paused: it takes no tasks. Resume it first."),
        ({"state": "error"}, "Owl is in error: it takes no tasks. Resume it first."),
        ({"state": "archived"}, "Owl is archived: it takes no tasks. Restore it first."),
        ({"driver": "llm"}, "Owl cannot work as it is set up. It has no credential"),
    ],
)
def test_an_agent_that_cannot_work_is_given_none(desk, fields, why):
    with desk.scope:
        type(desk.agent).objects.update(**fields)
    address = desk.url("task-create", desk.agent)

    assert why in page(desk.client.get(address)).one("div", class_="band").text
    assert why in words(desk.client.post(address, {"text": "Count the birds."}))
    assert desk.tasks() == []
    shown = page(desk.client.get(desk.url("agent-detail", desk.agent)))
    assert shown.all("form", class_="task-form") == []


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"max_queued_tasks": 1}, "1 tasks in its queue"),
        ({"max_tokens_per_day": 100}, "100 tokens for this day. It goes on tomorrow"),
        ({"max_tokens_per_month": 100}, "100 tokens for this month. It goes on next month"),
        ({"max_cents_per_day": 50}, "$0.50 for this day"),
        ({"max_cents_per_month": 50}, "$0.50 for this month"),
    ],
)
def test_over_a_limit_of_the_workspace_a_task_is_refused_in_words(desk, limits, why):
    desk.put(
        desk.submit(),
        state="queued" if "max_queued_tasks" in limits else "succeeded",
        started_at=datetime.now(UTC),
        input_tokens=60,
        output_tokens=40,
        cost_micros=500_000,
    )
    limit(desk, **limits)

    response = desk.client.post(desk.url("task-create", desk.agent), {"text": "One more."})

    assert why in words(response)
    assert page(response).one("textarea", name="text").text.strip() == "One more."
    assert len(desk.tasks()) == 1


@pytest.mark.parametrize("text", ["", " \n ", "x" * 100_001, "\0"])
def test_a_text_that_is_none_is_refused_at_its_field(desk, text):
    response = desk.client.post(desk.url("task-create", desk.agent), {"text": text})

    assert response.status_code == 422
    assert page(response).one("textarea", name="text")["aria-invalid"] == "true"
    assert desk.tasks() == []


def test_a_conversation_is_called_by_the_first_words():
    assert title_of("\n  Count\tthe birds\nand more") == "Count the birds"
    long = title_of("word " * 40)
    assert len(long) <= 80
    assert long.endswith("word…")


def test_a_viewer_is_offered_no_task(desk):
    viewer = MembershipFactory(workspace=desk.membership.workspace, role=Role.VIEWER)
    desk.client.force_login(viewer.user)

    shown = page(desk.client.get(desk.url("agent-detail", desk.agent)))

    assert shown.all("form") == shown.all("form", action="/sign-in/out/")
