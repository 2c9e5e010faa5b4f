"""Forms inside a page: errors, double clicks, lost connections, sessions that end meanwhile."""

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from agenhood.fleet.models import Project
from tests.browser.rows import member
from tests.factories import MembershipFactory, ProjectFactory
from workspaces.roles import Role
from workspaces.scope import workspace_scope

PASSWORD = "a good long password"


@pytest.fixture
def olive(committed_db):
    return member(Role.OWNER, of="Acme", name="Olive", email="olive@a.test", password=PASSWORD)


@pytest.fixture
def harrier(olive):
    return ProjectFactory(workspace=olive.workspace, name="Harrier")


def names(workspace) -> list[str]:
    with workspace_scope(workspace.pk):
        return sorted(Project.objects.values_list("name", flat=True))


def rename_address(project) -> str:
    return f"/w/acme/projects/{project.pk}/rename/"


def sign_in_by_form(page: Page, email: str) -> None:
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sent(page: Page) -> list[str]:
    """Return a list that every POST of the page will be added to."""
    posts: list[str] = []
    page.on("request", lambda asked: asked.method == "POST" and posts.append(asked.url))
    return posts


def test_a_double_click_makes_one_project(browse, olive):
    page = browse(olive.user, "/w/acme/projects/new/")
    posts = sent(page)
    page.get_by_label("Name").fill("Harrier")

    page.get_by_role("button", name="Create project").dblclick()

    expect(page.get_by_role("heading", name="Harrier")).to_be_visible()
    assert names(olive.workspace) == ["Harrier"]
    assert len(posts) == 1


def test_enter_pressed_twice_makes_one_project(browse, olive):
    page = browse(olive.user, "/w/acme/projects/new/")
    posts = sent(page)
    page.get_by_label("Name").fill("Harrier")

    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Harrier")).to_be_visible()
    assert names(olive.workspace) == ["Harrier"]
    assert len(posts) == 1


def test_a_double_click_on_a_plain_form_sends_it_once(browse, olive, harrier):
    page = browse(olive.user, f"/w/acme/projects/{harrier.pk}/delete/")
    posts = sent(page)

    page.get_by_role("button", name="Delete project").dblclick()

    expect(page.get_by_role("heading", name="No projects yet")).to_be_visible()
    assert len(posts) == 1


def test_an_error_stands_next_to_its_field_which_gets_the_focus(browse, olive, harrier):
    page = browse(olive.user, "/w/acme/projects/new/")
    page.get_by_label("Name").fill("Harrier")

    with page.expect_response("**/projects/new/") as answered:
        page.get_by_role("button", name="Create project").click()

    assert answered.value.status == 422
    field = page.get_by_label("Name")
    expect(field).to_be_focused()
    expect(field).to_have_value("Harrier")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("already"))
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    field.fill("Kestrel")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Kestrel")).to_be_visible()


def test_a_rename_changes_the_heading_and_is_announced(browse, olive, harrier):
    page = browse(olive.user, rename_address(harrier))
    page.get_by_label("Name").fill("Kite")

    page.get_by_role("button", name="Rename").click()

    expect(page.get_by_role("heading", name="Kite")).to_be_visible()
    expect(page.get_by_role("heading", name="Kite")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("Renamed")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.get_by_role("link", name="Done").click()
    expect(page).to_have_title("Kite · Acme")


def test_a_changed_role_is_saved_in_place_and_keeps_the_focus(browse, olive):
    petra = MembershipFactory(workspace=olive.workspace, user__name="Petra", role=Role.VIEWER)
    page = browse(olive.user, "/w/acme/members/")
    page.get_by_label("Role of Petra").select_option("Operator")

    page.get_by_role("row", name="Petra").get_by_role("button", name="Save").click()

    expect(page.locator("#announcer")).to_have_text("Role saved")
    expect(page.get_by_label("Role of Petra")).to_be_focused()
    expect(page.get_by_label("Role of Petra")).to_have_value("operator")
    expect(page.get_by_role("table")).to_have_count(1)
    with workspace_scope(olive.workspace_id):
        petra.refresh_from_db()
    assert petra.role == Role.OPERATOR


def test_searching_narrows_the_list_while_one_types(browse, olive, harrier):
    ProjectFactory(workspace=olive.workspace, name="Kestrel")
    page = browse(olive.user, "/w/acme/projects/")

    page.get_by_label("Search projects").press_sequentially("kest")

    expect(page.get_by_role("link", name="Harrier")).to_have_count(0)
    expect(page.get_by_role("link", name="Kestrel")).to_be_visible()
    expect(page.get_by_label("Search projects")).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?q=kest$"))
    page.get_by_label("Search projects").fill("zzz")
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    page.get_by_role("link", name="Clear the search").click()
    expect(page.get_by_role("link", name="Harrier")).to_be_visible()


def test_a_lost_connection_is_told_and_the_text_can_be_sent_later(browse, olive, harrier):
    page = browse(olive.user, rename_address(harrier), refusals=["offline"])
    page.get_by_label("Name").fill("Kite")
    page.context.set_offline(True)

    page.get_by_role("button", name="Rename").click()

    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("The server cannot be reached.")
    expect(page.get_by_label("Name")).to_have_value("Kite")
    expect(page.get_by_role("button", name="Rename")).to_be_enabled()
    page.context.set_offline(False)
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Kite")).to_be_visible()
    expect(notice).to_be_hidden()


def test_try_again_sends_the_form_once_more(browse, olive, harrier):
    page = browse(olive.user, rename_address(harrier), refusals=[503], service_workers="block")
    page.get_by_label("Name").fill("Kite")
    page.route("**/rename/", lambda route: route.fulfill(status=503))
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("alert")).to_contain_text("The server could not do this.")
    page.unroute("**/rename/")

    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("heading", name="Kite")).to_be_visible()


def test_without_a_connection_a_page_of_its_own_says_so(browse, olive):
    page = browse(olive.user, "/w/acme/", refusals=["offline"])
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)

    page.get_by_role("link", name="Projects", exact=True).click()

    expect(page.get_by_role("heading", name="The console cannot be reached")).to_be_visible()
    expect(page.get_by_text(re.compile("Acme|Olive"))).to_have_count(0)
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_title("Projects · Acme")


def test_text_typed_into_an_ended_session_is_back_after_signing_in(browse, olive, harrier):
    page = browse(olive.user, rename_address(harrier))
    page.get_by_label("Name").fill("Kite, typed for an hour")
    Session.objects.all().delete()

    page.get_by_role("button", name="Rename").click()
    sign_in_by_form(page, "olive@a.test")

    expect(page).to_have_url(re.compile(rename_address(harrier)))
    expect(page.get_by_label("Name")).to_have_value("Kite, typed for an hour")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("not saved yet")
    assert names(olive.workspace) == ["Harrier"]
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Kite, typed for an hour")).to_be_visible()
    page.reload()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_text_typed_into_an_ended_session_is_not_shown_to_another_person(browse, olive, harrier):
    MembershipFactory(
        workspace=olive.workspace,
        role=Role.OPERATOR,
        user__email="petra@a.test",
        user__password=PASSWORD,
    )
    page = browse(olive.user, rename_address(harrier))
    page.get_by_label("Name").fill("for Olive's eyes only")
    Session.objects.all().delete()
    page.get_by_role("button", name="Rename").click()

    sign_in_by_form(page, "petra@a.test")

    expect(page).to_have_url(re.compile(rename_address(harrier)))
    expect(page.get_by_label("Name")).to_have_value("Harrier")
    expect(page.get_by_role("alert")).to_be_hidden()
    assert page.evaluate("sessionStorage.getItem('agenhood.draft')") is None


def test_signing_out_forgets_typed_text(browse, olive, harrier):
    page = browse(olive.user, rename_address(harrier))
    page.evaluate("sessionStorage.setItem('agenhood.draft', '{}')")

    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('agenhood.draft')") is None


def test_a_search_after_the_session_has_ended_leads_to_sign_in_and_back(browse, olive, harrier):
    page = browse(olive.user, "/w/acme/projects/?state=archived")
    Session.objects.all().delete()

    page.get_by_label("Search projects").fill("harrier")
    sign_in_by_form(page, "olive@a.test")

    expect(page).to_have_url(re.compile(r"/w/acme/projects/\?state=archived$"))


def test_the_picker_after_the_session_has_ended_leads_to_sign_in_and_back(browse, olive):
    page = browse(olive.user, "/w/acme/members/")
    Session.objects.all().delete()

    page.locator("#picker-button").click()
    sign_in_by_form(page, "olive@a.test")

    expect(page).to_have_url(re.compile("/w/acme/members/$"))


def test_forms_work_in_a_tab_that_was_open_before_one_signed_in_again(browse, olive, harrier):
    page = browse(olive.user, rename_address(harrier))
    plain = page.context.new_page()
    plain.goto(f"/w/acme/projects/{harrier.pk}/")
    other = page.context.new_page()
    other.goto("/sign-in/out/")
    other.get_by_role("button", name="Sign out").click()
    sign_in_by_form(other, "olive@a.test")
    expect(other.get_by_role("heading", name="Acme", level=1)).to_be_visible()

    page.get_by_label("Name").fill("Kite")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Kite")).to_be_visible()

    plain.get_by_role("button", name="Archive").click()
    expect(plain.get_by_role("button", name="Restore")).to_be_visible()
