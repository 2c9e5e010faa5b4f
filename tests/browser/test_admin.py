"""The admin site as platform staff use it: provision, hand the link on, suspend, deactivate."""

import pytest
from playwright.sync_api import expect

from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from tests.factories import ProjectFactory, UserFactory
from workspaces.roles import Role

PASSWORD = "a good long password"


@pytest.fixture
def stella(committed_db):
    return UserFactory(name="Stella", email="stella@a.test", is_staff=True)


def test_a_new_owner_comes_in_by_the_link_that_provisioning_shows(browse, stella):
    page = browse(stella, "/admin/")
    page.get_by_role("link", name="Add", exact=True).last.click()
    page.get_by_label("Name:").fill("Acme")
    page.get_by_label("Slug:").fill("acme")
    page.get_by_label("Owner's email:").fill("olive@a.test")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Acme is provisioned")).to_be_visible()
    assert faults(page) == []
    link = page.get_by_label("Link, shown only now:").input_value()

    owner = browse(path=link)
    owner.get_by_label("New Password", exact=True).fill(PASSWORD)
    owner.get_by_label("New Password (again)").fill(PASSWORD)
    owner.get_by_role("main").get_by_role("button").click()

    expect(owner.get_by_role("heading", name="Acme", level=1)).to_be_visible()
    expect(owner.get_by_text("Your role here: Owner")).to_be_visible()
    again = browse(path=link)
    expect(again.get_by_label("New Password", exact=True)).to_have_count(0)


def test_suspending_acts_on_a_page_that_is_open(browse, stella):
    olive = member(Role.OPERATOR, of="Acme")
    ProjectFactory(workspace=olive.workspace, name="Harrier")
    opened = browse(olive.user, "/w/acme/projects/new/", refusals=[403])
    opened.get_by_label("Name").fill("Kestrel")
    page = browse(stella, "/admin/workspaces/workspace/")

    page.get_by_role("link", name="Acme").click()
    page.get_by_label("Suspended").check()
    page.get_by_label("Suspension reason:").fill("the invoice of May is open")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()

    opened.get_by_role("button", name="Create project").click()
    expect(opened.get_by_role("alert")).to_contain_text("Nothing was changed. Acme is suspended")
    opened.reload()
    expect(opened.get_by_text("Acme is suspended: the invoice of May is open")).to_be_visible()


def test_a_person_is_found_while_typing_and_made_a_member(browse, stella):
    acme = member(Role.OPERATOR, of="Acme").workspace
    petra = UserFactory(name="Petra", email="petra@a.test")
    page = browse(stella, f"/admin/workspaces/workspace/{acme.pk}/change/")

    page.get_by_role("button", name="Add another Member").click()
    page.locator(".select2-selection").last.click()
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("petra")
    page.get_by_role("option", name="Petra").click()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was changed successfully")).to_be_visible()
    theirs = browse(petra)
    expect(theirs.get_by_role("heading", name="Acme", level=1)).to_be_visible()


CELLS = """() => {
  const headings = [...document.querySelectorAll("table thead th")]
    .map((heading) => (heading.querySelector(".text") ?? heading).textContent.trim());
  return [...document.querySelectorAll("table tbody tr:first-child > *")]
    .map((cell, column) => [headings[column],
      getComputedStyle(cell, "::before").content.replaceAll('"', ""),
      Math.round(cell.getBoundingClientRect().right)])
    .filter(([heading]) => heading);
}"""


def test_lists_on_a_phone_are_whole_and_say_what_is_what(browse, stella):
    acme = member(Role.OPERATOR, of="Acme").workspace
    page = browse(stella, "/admin/accounts/user/", viewport=PHONE)
    paths = ["accounts/user/", "workspaces/workspace/", f"workspaces/workspace/{acme.pk}/change/"]
    seen = []
    for path in paths:
        page.goto(f"/admin/{path}")
        cells = page.evaluate(CELLS)
        assert cells
        assert [right for *_, right in cells if right > PHONE["width"]] == []
        named = cells if path.endswith("change/") else cells[1:]  # the first is the row's name
        assert [label for _heading, label, _ in named] == [heading for heading, *_ in named]
        seen += [heading for heading, *_ in cells]
    assert {"Email", "Members", "Person"} <= set(seen)
    assert "User" not in seen


def test_deactivating_ends_what_is_open(browse, stella):
    olive = member(Role.OPERATOR, of="Acme", name="Olive", email="olive@a.test")
    opened = browse(olive.user, "/w/acme/")
    page = browse(stella, f"/admin/accounts/user/{olive.user_id}/change/")

    page.get_by_label("Active").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()

    opened.get_by_role("link", name="Projects", exact=True).click()
    expect(opened.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_admin_site_is_nothing_to_those_who_are_not_staff(browse, committed_db):
    page = browse(member(Role.OWNER, of="Acme").user, "/w/acme/", refusals=[404])
    page.get_by_role("button", name="Account menu").click()
    expect(page.get_by_role("link", name="Account", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Platform administration")).to_have_count(0)

    page.goto("/admin/workspaces/workspace/")

    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
