"""A workspace's home in a browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.agent_rows import fleet
from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from tests.factories import MembershipFactory
from workspaces.provisioning import suspend
from workspaces.roles import Role


@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER, Role.AUDITOR])
def test_a_full_home_is_without_fault(browse, committed_db, role):
    otto = member(Role.OPERATOR, of="Acme")
    fleet(otto)
    person = MembershipFactory(workspace=otto.workspace, role=role)
    page = browse(person.user, "/w/acme/")

    if role == Role.AUDITOR:
        expect(page.get_by_role("heading", name="Nothing to see here")).to_be_visible()
    else:
        expect(page.get_by_role("img", name="Spend of each")).to_be_visible()
        expect(page.get_by_role("meter").first).to_be_visible()
        page.get_by_text("The same as a table").click()
        expect(page.get_by_role("row")).to_have_count(31)
        seen = page.get_by_role("link", name="Forge bot").count()
        assert seen == (0 if role == Role.VIEWER else 1)
    assert faults(page) == []


def test_a_new_workspaces_home_leads_to_the_first_steps(browse, committed_db):
    page = browse(member(Role.OWNER, of="Acme").user, "/w/acme/")
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    assert faults(page) == []

    page.get_by_role("link", name="Create an agent").click()

    expect(page.get_by_role("heading", name="New agent")).to_be_visible()


def test_a_suspended_workspaces_home_is_read(browse, committed_db):
    olive = member(Role.OWNER, of="Acme")
    fleet(olive)
    suspend(olive.workspace, "the invoice of May is open")

    page = browse(olive.user, "/w/acme/", viewport=PHONE)

    expect(page.get_by_role("heading", name="Running now")).to_be_visible()
    expect(page.get_by_role("link", name="New agent")).to_have_count(0)
    assert faults(page) == []
