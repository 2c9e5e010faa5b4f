"""Giving tasks, answering, schedules and prices in a browser."""

from playwright.sync_api import expect

from tests.browser.page_check import faults
from tests.browser.rows import member
from tests.factories import (
    AgentFactory,
    ApprovalFactory,
    ConversationFactory,
    ModelPriceFactory,
    ScheduleFactory,
    TaskFactory,
)
from workspaces.roles import Role


def test_a_task_is_given_from_the_agents_page(browse, committed_db):
    otto = member(Role.OPERATOR, of="Acme")
    owl = AgentFactory(workspace=otto.workspace, name="Owl", driver="command", command="true")
    page = browse(otto.user, f"/w/acme/agents/{owl.pk}/")

    page.get_by_label("What is to be done?").fill("Count the birds.")
    page.get_by_role("button", name="Start the task").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Owl #1")


def test_the_next_times_follow_what_is_typed(browse, committed_db):
    otto = member(Role.OPERATOR, of="Acme")
    page = browse(otto.user, "/w/acme/schedules/new/")

    page.get_by_label("Cron expression").fill("0 9 * * *")
    expect(page.locator("#times time")).to_have_count(5)
    page.get_by_label("Cron expression").fill("0 99 * * *")
    expect(page.locator("#times")).to_contain_text("cannot have")
    assert faults(page) == []


def test_pages_of_tasks_schedules_and_prices_are_without_fault(browse, committed_db):
    olive = member(Role.OWNER, of="Acme")
    workspace = olive.workspace
    owl = AgentFactory(workspace=workspace, name="Owl", driver="command", command="true")
    thread = ConversationFactory(workspace=workspace, agent=owl)
    ended = TaskFactory(workspace=workspace, conversation=thread, state="failed")
    waiting = TaskFactory(workspace=workspace, conversation=thread, number=2, state="waiting")
    arguments = {"command": "x" * 300}
    asked = ApprovalFactory(workspace=workspace, task=waiting, arguments=arguments)
    schedule = ScheduleFactory(workspace=workspace, agent=owl, acts_as=olive.user)
    price = ModelPriceFactory(workspace=workspace)
    page = browse(olive.user)

    for path in [
        f"tasks/{ended.pk}/retry/",
        f"approvals/{asked.pk}/",
        f"schedules/{schedule.pk}/",
        f"schedules/{schedule.pk}/edit/",
        f"schedules/{schedule.pk}/delete/",
        f"prices/{price.pk}/edit/",
        f"prices/{price.pk}/delete/",
    ]:
        page.goto(f"/w/acme/{path}")
        assert faults(page) == []
