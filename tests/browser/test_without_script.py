"""Everything works, if less comfortably, in a browser that runs no script."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.rows import member
from tests.factories import MembershipFactory, ProjectFactory
from workspaces.roles import Role

PASSWORD = "a good long password"


@pytest.fixture
def olive(committed_db):
    return member(Role.OWNER, of="Acme", name="Olive", password=PASSWORD)


@pytest.fixture
def plain(browse, olive):
    """Open a page as Olive without script."""
    return lambda path: browse(olive.user, path, java_script_enabled=False)


def test_signing_in_and_out(browse, olive):
    page = browse(path="/w/acme/members/", java_script_enabled=False)

    page.get_by_label("Email").fill(olive.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Members", exact=True)).to_be_visible()

    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_picker_is_a_page_that_leads_to_the_same_section(plain, olive):
    member(Role.VIEWER, of="Globex", user=olive.user)
    member(Role.VIEWER, of="Initech", user=olive.user)
    page = plain("/w/acme/members/")

    page.locator("#picker-button").click()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    expect(page.get_by_role("link", name="Acme Owner (current)")).to_be_visible()
    page.get_by_label("Find a workspace").fill("glo")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="Initech")).to_have_count(0)
    page.get_by_role("link", name="Globex").click()

    expect(page).to_have_url(re.compile("/w/globex/members/$"))


def test_a_project_from_its_making_to_its_end(plain):
    page = plain("/w/acme/")

    page.get_by_role("link", name="Projects").click()
    page.get_by_role("link", name="New project").first.click()
    page.get_by_role("button", name="Create project").click()  # the browser's own check is off
    page.get_by_label("Name").fill("Harrier")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Harrier")).to_be_visible()

    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Name").fill("Kite")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Kite")).to_be_visible()

    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete Kite?")).to_be_visible()
    page.get_by_role("button", name="Delete project").click()

    expect(page.get_by_role("heading", name="No projects yet")).to_be_visible()


def test_a_name_that_is_taken_is_refused_next_to_its_field(plain, olive):
    ProjectFactory(workspace=olive.workspace, name="Harrier")
    page = plain("/w/acme/projects/new/")

    page.get_by_label("Name").fill("Harrier")
    page.get_by_role("button", name="Create project").click()

    field = page.get_by_label("Name")
    expect(field).to_have_value("Harrier")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("already"))


def test_searching_and_paging_projects(plain, olive):
    for number in range(30):
        ProjectFactory(workspace=olive.workspace, name=f"Project {number:02}")
    page = plain("/w/acme/projects/")

    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name=re.compile(r"^Project \d"))).to_have_count(5)
    page.get_by_label("Search projects").fill("project 07")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("link", name=re.compile(r"^Project \d"))).to_have_text(["Project 07"])


def test_members_get_another_role_and_are_removed(plain, olive):
    MembershipFactory(workspace=olive.workspace, user__name="Petra", role=Role.VIEWER)
    page = plain("/w/acme/members/")

    page.get_by_label("Role of Petra").select_option("Operator")
    page.get_by_role("row", name="Petra").get_by_role("button", name="Save").click()
    expect(page.get_by_label("Role of Petra")).to_have_value("operator")

    page.get_by_role("link", name="Remove Petra").click()
    page.get_by_role("button", name="Remove from Acme").click()
    expect(page.get_by_role("heading", name="Members", exact=True)).to_be_visible()
    expect(page.get_by_text("Petra")).to_have_count(0)


def test_ownership_is_handed_on_and_the_workspace_left(plain, olive):
    MembershipFactory(workspace=olive.workspace, user__name="Petra", user__email="petra@test.test")
    page = plain("/w/acme/members/")

    page.get_by_role("link", name="Transfer…").click()
    petra = page.get_by_role("option", name="Petra")
    page.get_by_label("New owner").select_option(petra.get_attribute("value"))
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Transfer ownership").click()
    expect(page.get_by_role("row", name="Petra")).to_contain_text("Owner")

    page.get_by_role("link", name="Leave…").click()
    page.get_by_role("button", name="Leave Acme").click()
    expect(page.get_by_role("heading", name="You are in no workspace yet")).to_be_visible()


def test_the_account_is_changed(plain, olive):
    page = plain("/account/")

    page.get_by_label("Name").fill("Olivia")
    page.get_by_label("Theme").select_option("Dark")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_label("Name")).to_have_value("Olivia")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert User.objects.get(pk=olive.user_id).name == "Olivia"


def test_what_needs_script_is_not_shown(plain):
    page = plain("/account/")

    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    expect(page.get_by_text("Use keyboard shortcuts")).to_be_hidden()
