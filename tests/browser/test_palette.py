"""Going somewhere by typing, with the keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from tests.factories import AgentFactory, ProjectFactory, PromptFactory
from workspaces.roles import Role


@pytest.fixture
def olive(committed_db):
    acme = member(Role.OPERATOR, of="Acme", name="Olive")
    member(Role.VIEWER, of="Globex", user=acme.user)
    project = ProjectFactory(workspace=acme.workspace, name="Night watch")
    AgentFactory(workspace=acme.workspace, project=project, name="Night owl")
    PromptFactory(workspace=acme.workspace, name="Night triage", description="Sorts")
    return acme


def dialog(page: Page):
    return page.get_by_role("dialog", name="Go to")


def field(page: Page):
    return dialog(page).get_by_role("combobox")


def chosen(page: Page):
    return dialog(page).get_by_role("option", selected=True)


@pytest.mark.parametrize("chord", ["Control+k", "Meta+k"])
def test_the_chord_opens_it_and_the_keys_lead_somewhere(browse, olive, chord):
    page = browse(olive.user, "/w/acme/projects/")
    page.get_by_label("Search projects").focus()
    page.keyboard.press(chord)
    expect(field(page)).to_be_focused()
    expect(dialog(page).get_by_role("option").first).to_have_text(re.compile("Home"))

    page.keyboard.type("night")
    expect(chosen(page)).to_have_text(re.compile("Night owl"))
    page.keyboard.press("ArrowDown")
    expect(chosen(page)).to_have_text(re.compile("Night triage"))
    active = field(page).get_attribute("aria-activedescendant")
    assert active == chosen(page).get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(chosen(page)).to_have_text(re.compile("Night watch"))
    page.keyboard.press("Enter")

    expect(page).to_have_title("Night watch · Acme")


def test_enter_right_after_typing_waits_for_the_list(browse, olive):
    page = browse(olive.user, "/w/acme/")
    page.keyboard.press("Control+k")
    expect(field(page)).to_be_focused()

    page.keyboard.type("globex")
    page.keyboard.press("Enter")

    expect(page).to_have_title("Home · Globex")


def test_escape_closes_it_and_gives_the_focus_back(browse, olive):
    page = browse(olive.user, "/w/acme/")
    opener = page.get_by_role("link", name="Go to", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    expect(field(page)).to_be_focused()

    page.keyboard.press("Escape")

    expect(dialog(page)).to_be_hidden()
    expect(opener).to_be_focused()


def test_shortcuts_that_are_turned_off_stay_off(browse, olive):
    page = browse(olive.user, "/account/")
    page.get_by_label("Use keyboard shortcuts").uncheck()
    page.goto("/w/acme/")

    page.keyboard.press("Control+k")
    page.get_by_role("link", name="Go to", exact=True).click()

    expect(field(page)).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(dialog(page)).to_be_hidden()


def test_outside_a_workspace_the_chord_offers_workspaces(browse, olive):
    page = browse(olive.user, "/account/")

    page.keyboard.press("Control+k")

    expect(page.get_by_role("searchbox", name="Find a workspace")).to_be_focused()


def test_nothing_is_wrong_with_it_on_a_desk_or_a_phone(browse, olive):
    page = browse(olive.user, "/w/acme/", viewport=PHONE)
    page.get_by_role("link", name="Go to", exact=True).click()
    expect(chosen(page)).to_be_visible()
    found = faults(page)
    field(page).fill("zzz")
    expect(dialog(page).get_by_text("Nothing that you may see is called “zzz”.")).to_be_visible()
    found += faults(page)
    page.goto("/w/acme/go/?q=night")
    found += faults(page)

    assert found == [], "\n".join(found)


def test_it_works_without_script(browse, olive):
    page = browse(olive.user, "/w/acme/", java_script_enabled=False)
    page.get_by_role("link", name="Go to", exact=True).click()
    page.get_by_role("searchbox", name="Where to").fill("night")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Night owl").click()

    expect(page).to_have_title("Night owl · Acme")
