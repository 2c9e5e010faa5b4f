"""Answers to what an agent asks first."""

import pytest

from agenhood.fleet.models import Approval
from tests.factories import ApprovalFactory, MembershipFactory
from tests.pages import page
from workspaces.roles import Role


def approvals(desk):
    with desk.scope:
        return list(Approval.objects.order_by("pk"))


def answer(desk, approval, decision, note=""):
    sent = {"decision": decision, "note": note}
    return desk.client.post(desk.url("approval-decide", approval), sent)


def test_the_last_answer_lets_the_task_go_on(desk):
    task = desk.waiting("call-1", "call-2")
    first, second = approvals(desk)

    response = answer(desk, first, "allow")
    assert response["Location"] == desk.url("task-detail", task)
    assert (desk.again(task).state, desk.again(task).job) == ("waiting", None)
    answer(desk, second, "deny", "Not on a Sunday.")

    assert desk.again(task).state == "queued"
    assert desk.again(task).job is not None
    assert [(one.state, one.note) for one in approvals(desk)] == [
        ("allowed", ""),
        ("denied", "Not on a Sunday."),
    ]
    assert {one.decided_by_id for one in approvals(desk)} == {desk.membership.user_id}
    assert desk.trail()[-2:] == [("approval.allow", "done"), ("approval.deny", "done")]


def test_the_same_answer_again_is_as_good_and_another_one_is_refused(desk):
    desk.waiting("call-1", "call-2")
    first, _second = approvals(desk)
    answer(desk, first, "allow")
    before = desk.trail()

    assert answer(desk, first, "allow").status_code == 302
    refused = answer(desk, first, "deny")

    assert refused.status_code == 409
    assert "Somebody has allowed this already." in page(refused).one("div", class_="bad").text
    assert approvals(desk)[0].state == "allowed"
    assert desk.trail() == before


@pytest.mark.parametrize("how", ["void", "ended"])
def test_an_answer_that_comes_too_late_is_refused(desk, how):
    task = desk.waiting("call-1")
    if how == "void":
        desk.client.post(desk.url("task-cancel", task))
    else:
        desk.put(task, state="timed_out")

    refused = answer(desk, approvals(desk)[0], "allow")

    assert refused.status_code == 409
    assert "The task has ended" in page(refused).one("div", class_="bad").text


@pytest.mark.parametrize("decision", ["", "maybe"])
def test_an_answer_that_is_none_is_refused(desk, decision):
    task = desk.waiting("call-1")

    assert answer(desk, approvals(desk)[0], decision).status_code == 422
    assert approvals(desk)[0].state == "pending"
    assert desk.again(task).state == "waiting"


def test_what_would_run_is_shown_with_what_would_deceive_in_it(desk):
    task = desk.waiting()
    approval = ApprovalFactory(
        workspace=desk.membership.workspace,
        task=task,
        arguments={"command": "<b>rm\u202e -rf /</b>\x1b[2K", "count": [1, 2]},
    )

    shown = page(desk.client.get(desk.url("approval-decide", approval)))

    command, count = (one.text for one in shown.one("dl", class_="call").all("pre"))
    assert command == "<b>rm⟨U+202E⟩ -rf /</b>⟨U+001B⟩[2K"
    assert count == "[ 1, 2 ]"
    assert [b["value"] for b in shown.all("button", name="decision")] == ["allow", "deny"]


def test_a_viewer_answers_nothing(desk):
    desk.waiting("call-1")
    viewer = MembershipFactory(workspace=desk.membership.workspace, role=Role.VIEWER)
    desk.client.force_login(viewer.user)

    assert answer(desk, approvals(desk)[0], "allow").status_code == 403
    assert approvals(desk)[0].state == "pending"
