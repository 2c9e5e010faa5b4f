"""Coming in, going out, and what a browser shows afterwards."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.provisioning import set_password_path
from tests.browser.rows import member
from tests.factories import ProjectFactory, UserFactory
from workspaces.roles import Role

PASSWORD = "a good long password"


@pytest.fixture
def olive(committed_db):
    return member(Role.OPERATOR, name="Olive", email="olive@example.test", password=PASSWORD)


def fill_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_by_keyboard_leads_to_the_only_workspace(browse, olive):
    page = browse()

    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("olive@example.test")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/w/acme/$"))
    expect(page.get_by_role("heading", name="Acme", level=1)).to_be_visible()
    expect(page).to_have_title("Home · Acme")


def test_signing_in_leads_to_the_page_that_was_asked_for(browse, olive):
    page = browse(path="/w/acme/projects/?state=archived")

    fill_in(page, "olive@example.test", PASSWORD)

    expect(page).to_have_url(re.compile(r"/w/acme/projects/\?state=archived$"))


@pytest.mark.parametrize(
    ("email", "password"),
    [("olive@example.test", "not the password"), ("nobody@example.test", PASSWORD)],
)
def test_a_wrong_password_and_an_unknown_person_get_the_same_words(browse, olive, email, password):
    page = browse()

    fill_in(page, email, password)

    wrong = page.get_by_text("The email address and/or password you specified are not correct.")
    expect(wrong).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(email)
    expect(page.get_by_label("Password")).to_have_value("")


def test_a_link_to_set_a_password_lets_a_new_person_in(browse):
    page = browse(path=set_password_path(member(Role.VIEWER).user))

    page.get_by_label("New Password", exact=True).fill(PASSWORD)
    page.get_by_label("New Password (again)").fill(PASSWORD)
    page.get_by_role("button").click()

    expect(page.get_by_role("heading", name="Acme", level=1)).to_be_visible()


def test_a_person_in_no_workspace_is_told_so_and_can_sign_out(browse):
    page = browse(UserFactory(email="nell@example.test"))

    expect(page.get_by_role("heading", name="You are in no workspace yet")).to_be_visible()
    expect(page.get_by_text("You are signed in as nell@example.test.")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_back_and_reload_after_signing_out_show_nothing(browse, olive):
    ProjectFactory(workspace=olive.workspace, name="Harrier")
    page = browse(olive.user, "/account/")
    page.goto("/w/acme/projects/")
    expect(page.get_by_text("Harrier")).to_be_visible()
    sign_out(page)

    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Harrier")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("olive@example.test")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_out_in_one_tab_signs_out_every_tab_at_its_next_click(browse, olive):
    page = browse(olive.user, "/w/acme/")
    other = page.context.new_page()
    other.goto("/w/acme/projects/")
    sign_out(other)

    page.get_by_role("link", name="Projects", exact=True).click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_page_kept_alive_by_the_browser_is_loaded_anew_when_it_comes_back(browse, olive):
    """Browsers may keep whole pages for the back button; only `no-store` forbids it, to some."""
    ProjectFactory(workspace=olive.workspace, name="Harrier")
    page = browse(olive.user, "/offline/", service_workers="block")
    page.add_init_script(
        "addEventListener('pageshow', (event) => { if (event.persisted) name = 'kept alive' })"
    )

    def without_no_store(route):
        answer = route.fetch(max_redirects=0)
        route.fulfill(response=answer, headers=answer.headers | {"cache-control": "private"})

    page.route("**/w/acme/projects/", without_no_store)
    page.goto("/w/acme/projects/")
    expect(page.get_by_text("Harrier")).to_be_visible()
    page.goto("/sign-in/out/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.evaluate("setTimeout(() => history.go(-2))")

    expect(page).to_have_url(re.compile("/sign-in/.*next=/w/acme/projects/"))
    expect(page.get_by_text("Harrier")).to_have_count(0)
    assert page.evaluate("name") == "kept alive"
