"""Pages that were open when something was taken away: the next click tells, and changes nothing."""

import re

import pytest
from playwright.sync_api import expect

from agenhood.fleet.models import Project
from tests.browser.rows import member
from tests.factories import ProjectFactory
from workspaces.provisioning import resume, suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


@pytest.fixture
def olive(committed_db):
    return member(Role.OPERATOR, of="Acme", name="Olive")


@pytest.fixture
def harrier(olive):
    return ProjectFactory(workspace=olive.workspace, name="Harrier")


def take_out(membership) -> None:
    with platform_scope("test data"):
        membership.delete()


def demote(membership) -> None:
    membership.role = Role.VIEWER
    with platform_scope("test data"):
        membership.save(update_fields=["role"])


def name_of(project) -> str:
    with workspace_scope(project.workspace_id):
        return Project.objects.get(pk=project.pk).name


def address_of(project, action: str = "") -> str:
    return f"/w/acme/projects/{project.pk}/{action}"


def test_a_removed_members_open_page_answers_404_at_the_next_click(browse, olive, harrier):
    page = browse(olive.user, "/w/acme/projects/", refusals=[404])
    take_out(olive)

    with page.expect_response(re.compile(str(harrier.pk))) as answered:
        page.get_by_role("link", name="Harrier").click()

    assert answered.value.status == 404
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(page.get_by_text(re.compile("Acme|Harrier"))).to_have_count(0)


def test_a_removed_members_open_form_is_refused_in_words(browse, olive, harrier):
    page = browse(olive.user, address_of(harrier, "rename/"), refusals=[404])
    page.get_by_label("Name").fill("Kite")
    take_out(olive)

    with page.expect_response("**/rename/") as answered:
        page.get_by_role("button", name="Rename").click()

    assert answered.value.status == 404
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("This is no longer here, or you may no longer have access.")
    expect(notice).to_contain_text(answered.value.header_value("x-request-id"))
    expect(page.get_by_label("Name")).to_have_value("Kite")
    assert name_of(harrier) == "Harrier"
    notice.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


def test_a_removed_members_search_is_refused_in_words(browse, olive, harrier):
    page = browse(olive.user, "/w/acme/projects/", refusals=[404])
    take_out(olive)

    page.get_by_label("Search projects").fill("harrier")

    expect(page.get_by_role("alert")).to_contain_text("you may no longer have access")


def test_a_removed_members_picker_no_longer_lists_the_workspace(browse, olive):
    member(Role.VIEWER, of="Globex", user=olive.user)
    page = browse(olive.user, "/w/acme/")
    take_out(olive)

    page.locator("#picker-button").click()

    rows = page.get_by_role("dialog").get_by_role("link")
    expect(rows).to_have_count(1)
    expect(rows).to_have_accessible_name("Globex Viewer")


def test_a_demoted_members_open_form_is_refused_in_words(browse, olive, harrier):
    page = browse(olive.user, address_of(harrier, "rename/"), refusals=[403])
    page.get_by_label("Name").fill("Kite")
    demote(olive)

    page.get_by_role("button", name="Rename").click()

    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("your role may have changed")
    expect(page.get_by_label("Name")).to_have_value("Kite")
    assert name_of(harrier) == "Harrier"
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_be_hidden()


def test_a_demoted_members_next_page_says_which_role_they_have(browse, olive, harrier):
    page = browse(olive.user, address_of(harrier), refusals=[403])
    demote(olive)

    with page.expect_response("**/archive/") as answered:
        page.get_by_role("button", name="Archive").click()

    assert answered.value.status == 403
    expect(page.get_by_role("heading", name="Your role does not allow this")).to_be_visible()
    expect(page.get_by_text("You are Viewer in Acme")).to_be_visible()
    page.get_by_role("link", name="Back to Acme").click()
    expect(page.get_by_role("heading", name="Acme", level=1)).to_be_visible()


def test_a_suspended_workspace_says_so_and_offers_nothing_to_change(browse, olive, harrier):
    suspend(olive.workspace, "the invoice of May is open")
    page = browse(olive.user, "/w/acme/projects/")

    expect(page.get_by_text("Acme is suspended: the invoice of May is open")).to_be_visible()
    expect(page.get_by_role("link", name="Harrier")).to_be_visible()
    expect(page.get_by_role("link", name="New project")).to_have_count(0)
    page.get_by_role("link", name="Harrier").click()
    expect(page.get_by_role("heading", name="Harrier")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)


def test_a_form_that_was_open_when_its_workspace_was_suspended_is_refused(browse, olive, harrier):
    page = browse(olive.user, address_of(harrier, "rename/"), refusals=[403])
    page.get_by_label("Name").fill("Kite")
    suspend(olive.workspace, "the invoice of May is open")

    page.get_by_role("button", name="Rename").click()

    told = "Nothing was changed. Acme is suspended: the invoice of May is open"
    expect(page.get_by_role("alert")).to_contain_text(told)
    assert name_of(harrier) == "Harrier"
    resume(olive.workspace)
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Kite")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_button_on_a_page_of_a_suspended_workspace_changes_nothing(browse, olive, harrier):
    page = browse(olive.user, address_of(harrier), refusals=[403])
    suspend(olive.workspace, "")

    page.get_by_role("button", name="Archive").click()

    expect(page.get_by_role("heading", name="Nothing was changed")).to_be_visible()
    page.get_by_role("link", name="Back to Acme").click()
    page.get_by_role("link", name="Projects").click()
    expect(page.get_by_role("link", name="Harrier")).to_be_visible()


def test_somebody_who_is_deactivated_is_signed_out_at_the_next_click(browse, olive, harrier):
    page = browse(olive.user, "/w/acme/projects/")
    with platform_scope("test data"):
        olive.user.is_active = False
        olive.user.save(update_fields=["is_active"])

    page.get_by_role("link", name="Harrier").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
