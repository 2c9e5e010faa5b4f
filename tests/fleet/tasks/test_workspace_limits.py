"""What a workspace's tasks may take: set by the platform, metered on its home."""

from datetime import UTC, datetime, timedelta
from itertools import count

from django.urls import reverse

from agenhood.fleet import queue
from tests.browser.agent_rows import task_at
from tests.factories import AgentFactory, ConversationFactory, MembershipFactory, UserFactory
from tests.pages import page
from tests.workspaces.test_admin_site import again, members_form, membership_of, page_of, row_of
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope

NUMBERS = count(1)


def limit(desk, **limits):
    with platform_scope("test data"):
        Workspace.objects.filter(pk=desk.membership.workspace_id).update(**limits)


def task(agent, began, **fields):
    conversation = ConversationFactory(workspace=agent.workspace, agent=agent)
    made = {"workspace": agent.workspace, "conversation": conversation, "number": next(NUMBERS)}
    task_at(began, **made, started_at=began, **fields)


def tile(desk):
    response = desk.client.get(desk.membership.workspace.get_absolute_url())
    return page(response).one("section", aria_label="Limits of tasks")


def meters(desk):
    return {meter["aria-label"]: meter["value"] for meter in tile(desk).all("meter")}


def test_tasks_are_metered_against_what_there_is_a_limit_of(desk):
    theirs = AgentFactory(name="Kestrel")
    for agent in (desk.agent, theirs):
        task(agent, queue.day(), state="running")
        task(agent, queue.day(), state="queued")

    assert meters(desk) == {
        "Tasks at once: 1 of 4 running": "25",
        "Queue: 1 of 1,000 waiting": "0",
    }
    limit(desk, max_running_tasks=1, max_queued_tasks=1)
    shown = tile(desk).text
    assert "1 of 1 running, at the limit: now more wait in the queue" in shown
    assert "1 of 1 waiting, at the limit: now more are refused" in shown


def test_tokens_and_spend_count_for_the_day_and_month_in_which_a_task_began(desk):
    hawk = AgentFactory(workspace=desk.membership.workspace, name="<b>Hawk")
    took = {"input_tokens": 300, "output_tokens": 100, "cost_micros": 500_000}
    now = datetime.now(UTC)
    task(desk.agent, now, **took, state="running")
    task(hawk, queue.day(), **took, state="failed")
    before_today = queue.day() - timedelta(seconds=1)
    task(hawk, before_today, **took, state="succeeded")
    task(desk.agent, queue.month() - timedelta(seconds=1), **took, state="succeeded")
    limit(
        desk,
        max_tokens_per_day=1000,
        max_tokens_per_month=800,
        max_cents_per_day=125,
        max_cents_per_month=1000,
    )

    found = meters(desk)

    this_month = 2 + (before_today >= queue.month())
    assert found["Tokens today: 800 of 1,000 tokens today"] == "80"
    assert found["Spend today: $1.00 of $1.25 today"] == "80"
    words = f"Spend this month: ${this_month * 0.5:.2f} of $10.00 this month"
    assert found[words] == str(this_month * 5)
    shown = tile(desk)
    assert "800 of 1,000 tokens today, close to the limit: at the limit no task begins until" in (
        shown.text
    )
    tomorrow = (queue.day() + timedelta(days=1)).isoformat(timespec="seconds")
    assert tomorrow in [time["datetime"] for time in shown.all("time")]
    spenders = [link.text for link in shown.all("a", class_="row-link")]
    assert sorted(spenders) == ["<b>Hawk", "Owl"]


def test_platform_staff_set_the_limits_and_members_read_them(client, db):
    owner = MembershipFactory(role=Role.OWNER, workspace__name="Acme", workspace__slug="acme")
    acme = owner.workspace
    client.force_login(UserFactory(is_staff=True))
    members = [row_of(membership_of(acme, owner.user.email))]
    members.append(row_of(membership_of(acme, "owner@acme.example.test")))
    sent = members_form(acme, *members) | {"max_running_tasks": "2", "max_cents_per_day": "500"}

    assert client.post(page_of(acme), sent).status_code == 302
    wrong = client.post(page_of(acme), sent | {"max_running_tasks": "0"})

    assert wrong.status_code == 200
    stored = again(acme)
    assert (stored.max_running_tasks, stored.max_cents_per_day) == (2, 500)
    assert stored.max_tokens_per_month is None
    client.force_login(owner.user)
    settings = page(client.get(reverse("workspaces:settings-general", args=["acme"])))
    shown = settings.one("section", aria_labelledby="limits").text
    assert "US cents per day500" in shown.replace(" 500", "500")
    assert "no limit" in shown


def test_an_auditor_reads_no_spend(desk):
    auditor = MembershipFactory(workspace=desk.membership.workspace, role=Role.AUDITOR)
    desk.client.force_login(auditor.user)

    response = desk.client.get(desk.membership.workspace.get_absolute_url())

    assert "Limits of tasks" not in response.text
