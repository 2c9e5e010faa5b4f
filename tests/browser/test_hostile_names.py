"""Names that people or their tools may make up, wherever a name is shown: only ever text."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_check import PHONE, WIDER_THAN_THE_WINDOW
from tests.browser.rows import member
from tests.factories import MembershipFactory, ProjectFactory, UserFactory
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope

NAMES = {
    "markup": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "breaks out of an attribute": "\" autofocus onfocus=\"alert(1)' x='</title>{{7*7}}",
    "right to left": "\u202eevil \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u202e",
    "60 wide characters": "\ufdfd" * 60,
    "60 without a space": "W" * 60,
    "stacked marks": "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334" * 5,
    "nothing to see": "\u2003\u200b\u00a0.",
}

# For further pages, which show names by the same means.
WORST = {kind: NAMES[kind] for kind in ("breaks out of an attribute", "60 wide characters")}


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def name(request):
    return request.param


@pytest.fixture
def olive(committed_db, name):
    """Owner of a workspace of that name, with a project and a person of that name in it."""
    acme = member(Role.OWNER, of="Acme", name=name)
    with platform_scope("test data"):
        Workspace.objects.filter(pk=acme.workspace_id).update(name=name, suspension_reason=name)
    ProjectFactory(workspace=acme.workspace, name=name)
    MembershipFactory(workspace=acme.workspace, user__name=name)
    return acme


def inert(page: Page) -> None:
    """Nothing of the name has become an element, and a phone shows the page without scrolling."""
    assert page.locator("img[src=x], [onerror], [onfocus], body script").count() == 0
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == [], page.url


def text(name: str) -> str:
    return " ".join(name.split())


def test_names_are_shown_as_text_in_the_console(browse, olive, name):
    page = browse(olive.user, "/w/acme/projects/", refusals=[404], viewport=PHONE)
    page.on("dialog", lambda dialog: pytest.fail(f"a name opened a dialog: {dialog.message}"))
    row = page.get_by_role("table").get_by_role("link").first
    assert text(row.inner_text()) == text(name)
    inert(page)

    row.click()
    expect(page.locator("#project-name")).to_be_visible()
    assert text(page.locator("#project-name").text_content()) == text(name)
    assert text(name) in text(page.title())
    inert(page)

    page.locator("#picker-button").click()
    expect(page.get_by_role("dialog").get_by_role("link")).to_have_count(1)
    inert(page)

    for path in [
        "/w/acme/",
        "/w/acme/members/",
        "/w/acme/leave/",
        "/w/acme/ownership/",
        "/w/acme/no-such-page/",
        "/w/acme/projects/?" + urlencode({"q": name}),
        "/account/",
        "/workspaces/",
    ]:
        page.goto(path)
        inert(page)


def test_names_are_shown_as_text_in_the_admin_site(browse, olive, name):
    page = browse(UserFactory(is_staff=True), "/admin/")
    page.on("dialog", lambda dialog: pytest.fail(f"a name opened a dialog: {dialog.message}"))

    for path in [
        "/admin/workspaces/workspace/",
        f"/admin/workspaces/workspace/{olive.workspace_id}/change/",
        f"/admin/workspaces/workspace/{olive.workspace_id}/history/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{olive.user_id}/change/",
    ]:
        page.goto(path)
        assert page.locator("img[src=x], [onerror], [onfocus]").count() == 0


def test_a_name_typed_into_the_console_is_shown_as_it_was_typed(browse, committed_db):
    page = browse(member(Role.OWNER, of="Acme").user, "/w/acme/projects/new/")
    page.get_by_label("Name").fill("<b>bold</b> & {{7*7}}")

    page.get_by_role("button", name="Create project").click()

    expect(page.locator("#project-name")).to_have_text("<b>bold</b> & {{7*7}}")
