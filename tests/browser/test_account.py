"""The account page: what it changes shows everywhere, at once."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.rows import member
from tests.factories import ProjectFactory
from workspaces.roles import Role

PASSWORD = "a good long password"


@pytest.fixture
def olive(committed_db):
    return member(Role.OWNER, of="Acme", name="Olive", password=PASSWORD)


def background(page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def lightness(colour: str) -> float:
    """Return 0 for black to 255 for white, of a computed colour."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]
    return sum(numbers) / 3 * (255 if "srgb" in colour or max(numbers) <= 1 else 1)


def test_the_theme_follows_the_system_until_it_is_chosen(browse, olive):
    page = browse(olive.user, "/account/", color_scheme="dark")
    assert lightness(background(page)) < 80
    page.emulate_media(color_scheme="light")
    assert lightness(background(page)) > 200

    page.get_by_label("Theme").select_option("Dark")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Saved", exact=True).first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert lightness(background(page)) < 80
    page.goto("/w/acme/")
    assert lightness(background(page)) < 80


def test_times_are_shown_in_the_chosen_zone_which_is_named(browse, olive):
    ProjectFactory(workspace=olive.workspace, name="Harrier")
    page = browse(olive.user, "/w/acme/projects/")
    moment = page.get_by_role("table").locator("time")
    expect(moment).to_have_text(re.compile("UTC$"))
    hover = moment.get_attribute("title")

    page.goto("/account/")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#announcer")).to_have_text("Saved")
    page.goto("/w/acme/projects/")

    expect(moment).to_have_text(re.compile("JST$"))
    expect(moment).to_have_attribute("title", hover)


def test_a_session_elsewhere_can_be_ended(browse, olive):
    elsewhere = browse(olive.user, "/w/acme/")
    here = browse(olive.user, "/account/")
    expect(here.get_by_role("row", name="This one")).to_have_count(1)

    sessions = here.get_by_role("region", name="Sessions")
    sessions.get_by_role("button", name=re.compile("^End the session of")).click()
    expect(sessions.get_by_role("button")).to_have_count(0)

    elsewhere.get_by_role("link", name="Projects", exact=True).click()
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    here.reload()
    expect(here.get_by_role("heading", name="Account")).to_be_visible()


def test_all_other_sessions_can_be_ended_at_once(browse, olive):
    others = [browse(olive.user, "/w/acme/") for _ in range(2)]
    here = browse(olive.user, "/account/")

    here.get_by_role("button", name="End all others").click()

    expect(here.get_by_role("button", name="End all others")).to_have_count(0)
    for other in others:
        other.reload()
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_new_password_ends_other_sessions_and_lets_in(browse, olive):
    other = browse(olive.user, "/w/acme/")
    page = browse(olive.user, "/account/")
    page.get_by_role("link", name="Change password").click()

    page.get_by_label("Current Password").fill(PASSWORD)
    page.get_by_label("New Password", exact=True).fill("quite another one")
    page.get_by_label("New Password (again)").fill("quite another one")
    page.get_by_role("button", name="Change password").click()

    expect(page.get_by_role("heading", name=re.compile("Account|Acme|password"))).to_be_visible()
    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    other.get_by_label("Email").fill(olive.user.email)
    other.get_by_label("Password").fill("quite another one")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Acme", level=1)).to_be_visible()
