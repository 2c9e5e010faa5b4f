"""Several tabs and the back button: the address decides, so a page never acts elsewhere."""

import re

import pytest
from playwright.sync_api import Page, expect

from agenhood.fleet.models import Project
from tests.browser.rows import member
from tests.factories import ProjectFactory
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def acme(committed_db):
    return member(Role.OWNER, of="Acme")


@pytest.fixture
def globex(acme):
    return member(Role.OPERATOR, of="Globex", user=acme.user)


def names(membership) -> list[str]:
    with workspace_scope(membership.workspace_id):
        return sorted(Project.objects.values_list("name", flat=True))


def switch(page: Page, name: str) -> None:
    page.locator("#picker-button").click()
    page.get_by_role("dialog").get_by_role("link", name=name).click()
    expect(page).to_have_title(re.compile(f"· {name}$"))


def test_two_tabs_on_two_workspaces_each_show_and_change_their_own(browse, acme, globex):
    ProjectFactory(workspace=acme.workspace, name="Harrier")
    ProjectFactory(workspace=globex.workspace, name="Kestrel")
    first = browse(acme.user, "/w/acme/projects/")
    second = first.context.new_page()
    second.goto("/w/globex/projects/")
    expect(first.get_by_text("Harrier")).to_be_visible()
    expect(first.get_by_text("Kestrel")).to_have_count(0)
    expect(second.get_by_text("Kestrel")).to_be_visible()
    expect(second.get_by_text("Harrier")).to_have_count(0)

    for page, name in [(first, "Merlin"), (second, "Osprey")]:
        page.get_by_role("link", name="New project").click()
        page.get_by_label("Name").fill(name)
    for page, name in [(first, "Merlin"), (second, "Osprey")]:
        page.get_by_role("button", name="Create project").click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()

    expect(first).to_have_title("Merlin · Acme")
    expect(second).to_have_title("Osprey · Globex")
    assert names(acme) == ["Harrier", "Merlin"]
    assert names(globex) == ["Kestrel", "Osprey"]


def test_an_open_form_acts_on_its_own_workspace_after_another_tab_switched(browse, acme, globex):
    first = browse(acme.user, "/w/acme/projects/new/")
    first.get_by_label("Name").fill("Merlin")
    second = first.context.new_page()
    second.goto("/w/acme/")
    switch(second, "Globex")

    first.get_by_role("button", name="Create project").click()

    expect(first).to_have_title("Merlin · Acme")
    assert names(acme) == ["Merlin"]
    assert names(globex) == []


def test_the_picker_marks_the_workspace_of_its_own_tab(browse, acme, globex):
    first = browse(acme.user, "/w/acme/")
    second = first.context.new_page()
    second.goto("/w/globex/")

    first.locator("#picker-button").click()

    current = first.get_by_role("dialog").locator("[aria-current]")
    expect(current).to_have_accessible_name(re.compile("^Acme"))


def test_reload_after_another_tab_switched_shows_the_same_workspace(browse, acme, globex):
    first = browse(acme.user, "/w/acme/projects/")
    second = first.context.new_page()
    second.goto("/w/globex/projects/")

    first.reload()

    expect(first).to_have_title("Projects · Acme")


def test_the_back_button_after_a_switch_shows_the_workspace_of_its_address(browse, acme, globex):
    ProjectFactory(workspace=acme.workspace, name="Harrier")
    page = browse(acme.user, "/w/acme/projects/")
    switch(page, "Globex")
    expect(page.get_by_text("Harrier")).to_have_count(0)

    page.go_back()
    expect(page).to_have_title("Projects · Acme")
    expect(page.get_by_text("Harrier")).to_be_visible()
    expect(page.locator("#picker-button")).to_contain_text("Acme")
    page.go_forward()

    expect(page).to_have_title("Projects · Globex")
    expect(page.get_by_text("Harrier")).to_have_count(0)


def test_the_back_button_over_a_search_brings_whole_pages(browse, acme):
    for name in ["Harrier", "Kestrel"]:
        ProjectFactory(workspace=acme.workspace, name=name)
    page = browse(acme.user, "/w/acme/projects/")
    page.get_by_label("Search projects").fill("kest")
    expect(page.get_by_text("Harrier")).to_have_count(0)
    expect(page).to_have_url(re.compile("q=kest"))
    page.get_by_role("link", name="Kestrel").click()
    expect(page.get_by_role("heading", name="Kestrel")).to_be_visible()

    page.go_back()

    expect(page).to_have_title("Projects · Acme")
    expect(page.get_by_label("Search projects")).to_have_value("kest")
    expect(page.get_by_role("link", name="Kestrel")).to_be_visible()
    expect(page.get_by_text("Harrier")).to_have_count(0)
