"""The workspace picker in the header, as somebody with several workspaces uses it."""

import re
from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from tests.browser.rows import member
from tests.factories import ProjectFactory, UserFactory
from workspaces.provisioning import suspend
from workspaces.roles import Role


@pytest.fixture
def olive(committed_db):
    return UserFactory(name="Olive", email="olive@example.test")


@pytest.fixture(autouse=True)
def acme(olive):
    return member(Role.OWNER, of="Acme", user=olive).workspace


@pytest.fixture(autouse=True)
def globex(olive):
    return member(Role.VIEWER, of="Globex", user=olive).workspace


@pytest.fixture(autouse=True)
def initech(olive):
    return member(Role.AUDITOR, of="Initech", user=olive).workspace


def button(page: Page):
    return page.get_by_role("banner").locator("#picker-button")


def panel(page: Page):
    return page.get_by_role("dialog", name="Switch workspace")


def picker_filter(page: Page):
    return panel(page).get_by_role("searchbox", name="Find a workspace")


def open_picker(page: Page) -> None:
    button(page).click()
    expect(picker_filter(page)).to_be_focused()


def by_button(page: Page) -> None:
    button(page).focus()
    page.keyboard.press("Enter")


def by_letters(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("w")


@pytest.mark.parametrize("opens", [by_button, by_letters])
def test_the_keyboard_opens_it_on_its_filter_and_escape_gives_the_focus_back(browse, olive, opens):
    page = browse(olive, "/w/acme/")
    expect(button(page)).to_have_attribute("aria-expanded", "false")

    opens(page)

    expect(picker_filter(page)).to_be_focused()
    expect(button(page)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(button(page)).to_be_focused()
    expect(button(page)).to_have_attribute("aria-expanded", "false")


def test_letters_typed_into_a_field_are_no_shortcut(browse, olive):
    page = browse(olive, "/w/acme/projects/new/")

    page.get_by_label("Name").press_sequentially("gw")

    expect(page.get_by_label("Name")).to_have_value("gw")
    expect(panel(page)).to_be_hidden()


def test_shortcuts_can_be_turned_off(browse, olive):
    page = browse(olive, "/account/")
    page.get_by_label("Use keyboard shortcuts").uncheck()
    page.goto("/w/acme/")

    by_letters(page)

    expect(panel(page)).to_be_hidden()
    page.goto("/account/")
    page.get_by_label("Use keyboard shortcuts").check()
    page.get_by_role("heading", name="Account").focus()
    by_letters(page)
    expect(picker_filter(page)).to_be_focused()


def test_every_row_says_the_role_and_the_current_one_is_marked(browse, olive, globex):
    suspend(globex, "unpaid")
    page = browse(olive, "/w/acme/")
    open_picker(page)

    rows = panel(page).get_by_role("link")
    expect(rows.nth(0)).to_have_accessible_name("Acme Owner (current)")
    expect(rows.nth(1)).to_have_accessible_name("Globex Suspended Viewer")
    expect(rows.nth(2)).to_have_accessible_name("Initech Auditor")
    expect(panel(page).locator("[aria-current]")).to_have_count(1)


def test_filter_arrows_and_enter_switch_without_a_mouse(browse, olive):
    page = browse(olive, "/w/acme/")
    by_letters(page)
    expect(picker_filter(page)).to_be_focused()
    rows = panel(page).get_by_role("link")

    page.keyboard.press("ArrowDown")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(picker_filter(page)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(rows.nth(2)).to_be_focused()
    page.keyboard.type("glob")
    expect(rows).to_have_text([re.compile("Globex")])
    expect(picker_filter(page)).to_have_value("glob")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/w/globex/$"))
    expect(page).to_have_title("Home · Globex")


def test_enter_before_the_list_has_arrived_opens_what_was_typed(browse, olive):
    page = browse(olive, "/w/acme/")
    open_picker(page)

    page.keyboard.type("globex")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/w/globex/$"))


def test_arrow_down_before_the_list_has_arrived_goes_to_what_was_typed(browse, olive):
    page = browse(olive, "/w/acme/")
    open_picker(page)
    expect(panel(page).get_by_role("link")).to_have_count(3)

    page.keyboard.type("globex")
    page.keyboard.press("ArrowDown")

    expect(panel(page).get_by_role("link")).to_have_text([re.compile("Globex")])
    globex = panel(page).get_by_role("link", name="Globex")
    expect(globex).to_be_focused()
    globex.evaluate("row => { row.id = 'replaced'; htmx.trigger('#picker-filter', 'search'); }")
    expect(page.locator("#replaced")).to_have_count(0)  # by an answer that was on its way still
    expect(globex).to_be_focused()
    page.keyboard.type("x")
    expect(picker_filter(page)).to_have_value("globexx")


def test_arrow_down_and_enter_at_once_open_what_was_typed(browse, olive):
    page = browse(olive, "/w/initech/")
    open_picker(page)
    expect(panel(page).get_by_role("link")).to_have_count(3)

    page.keyboard.type("globex")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/w/globex/$"))


def while_waiting_for_an_answer(page: Page, does: Callable[[], None]) -> None:
    """Type "e" into the picker, and do something before its answer comes."""
    open_picker(page)
    expect(panel(page).get_by_role("link")).to_have_count(3)

    def answer_late(route: Route) -> None:
        does()
        route.continue_()

    page.route(re.compile("[?&]q=e(&|$)"), answer_late, times=1)
    picker_filter(page).fill("e")


def test_a_key_waits_for_the_answer_to_what_was_typed_last(browse, olive):
    page = browse(olive, "/w/initech/")

    def choose():
        picker_filter(page).fill("globex")
        page.keyboard.press("Enter")

    while_waiting_for_an_answer(page, choose)

    expect(page).to_have_url(re.compile("/w/globex/$"))


def test_who_types_on_after_a_key_has_not_chosen(browse, olive):
    page = browse(olive, "/w/initech/")

    def hesitate():
        page.keyboard.press("ArrowDown")
        picker_filter(page).fill("globex")

    while_waiting_for_an_answer(page, hesitate)

    expect(panel(page).get_by_role("link")).to_have_text([re.compile("Globex")])
    expect(picker_filter(page)).to_be_focused()


def test_nothing_found_offers_to_clear_the_filter(browse, olive):
    page = browse(olive, "/w/acme/")
    open_picker(page)

    page.keyboard.type("zzz")
    expect(panel(page).get_by_text("No workspace of yours matches “zzz”.")).to_be_visible()
    panel(page).get_by_role("link", name="Clear the filter").click()

    expect(panel(page).get_by_role("link")).to_have_count(3)
    expect(picker_filter(page)).to_have_value("")
    expect(picker_filter(page)).to_be_focused()


def test_a_click_outside_or_a_second_click_closes_it(browse, olive):
    page = browse(olive, "/w/acme/")
    open_picker(page)
    page.get_by_role("main").click(position={"x": 5, "y": 300})
    expect(panel(page)).to_be_hidden()

    open_picker(page)
    button(page).click()
    expect(panel(page)).to_be_hidden()


def test_leaving_it_with_the_tab_key_closes_it(browse, olive):
    page = browse(olive, "/w/acme/")
    open_picker(page)

    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")

    expect(panel(page)).to_be_hidden()


@pytest.mark.parametrize("section", ["projects", "members"])
def test_a_switch_lands_on_the_same_section(browse, olive, section):
    page = browse(olive, f"/w/acme/{section}/")
    open_picker(page)

    panel(page).get_by_role("link", name="Globex").click()

    expect(page).to_have_url(re.compile(f"/w/globex/{section}/$"))
    expect(page).to_have_title(f"{section.title()} · Globex")


def test_a_switch_from_one_object_lands_on_the_list_and_never_on_the_object(browse, olive, acme):
    project = ProjectFactory(workspace=acme, name="Harrier")
    page = browse(olive, reverse("fleet:project-detail", args=["acme", project.pk]))
    expect(page.get_by_role("heading", name="Harrier")).to_be_visible()
    open_picker(page)

    panel(page).get_by_role("link", name="Globex").click()

    expect(page).to_have_url(re.compile("/w/globex/projects/$"))


@pytest.mark.parametrize("section", ["projects", "members"])
def test_a_switch_lands_on_the_home_where_the_role_lacks_the_section(browse, olive, section):
    page = browse(olive, f"/w/acme/{section}/")
    open_picker(page)

    panel(page).get_by_role("link", name="Initech").click()

    expect(page).to_have_url(re.compile("/w/initech/$"))
    expect(page.get_by_role("heading", name="Initech", level=1)).to_be_visible()


def test_a_row_opens_in_a_new_tab_like_any_link(browse, olive):
    page = browse(olive, "/w/acme/members/")
    open_picker(page)

    with page.context.expect_page() as opened:
        panel(page).get_by_role("link", name="Globex").click(modifiers=["Control"])

    expect(opened.value).to_have_title("Members · Globex")
    expect(page).to_have_title("Members · Acme")


def test_recent_workspaces_come_first_once_there_are_many(browse, olive):
    for number in range(4):
        member(Role.VIEWER, of=f"Extra-{number}", user=olive)
    page = browse(olive, "/w/initech/")
    page.goto("/w/extra-2/")
    open_picker(page)

    recent = panel(page).get_by_role("list", name="Recent").get_by_role("link")
    expect(recent).to_have_text([re.compile("Extra-2"), re.compile("Initech")])
    expect(panel(page).get_by_role("list", name="All").get_by_role("link")).to_have_count(7)


def test_the_start_page_leads_to_the_workspace_used_last(browse, olive):
    page = browse(olive, "/w/acme/")
    page.goto("/w/globex/")

    page.goto("/")

    expect(page).to_have_url(re.compile("/w/globex/$"))


def test_somebody_elses_workspace_is_in_no_list(browse, olive):
    member(Role.VIEWER, of="Hooli")
    page = browse(olive, "/w/acme/")
    open_picker(page)
    expect(panel(page).get_by_role("link")).to_have_count(3)

    page.keyboard.type("hooli")

    expect(panel(page).get_by_text("No workspace of yours matches “hooli”.")).to_be_visible()
