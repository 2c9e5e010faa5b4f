"""A second factor set up and used in a browser: an app's codes, and passkeys of a device that
Chromium plays. No passkey is for a host that is a number, so these pages are at "localhost"."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page_check import faults
from tests.browser.rows import member
from tests.factories import MembershipFactory, ProjectFactory
from tests.second_factors import code, give_app, give_recovery_codes
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope

PASSWORD = "a good long password"


@pytest.fixture
def olive(committed_db):
    return member(Role.OWNER, of="Acme", name="Olive", email="olive@a.test", password=PASSWORD)


@pytest.fixture
def local(browse, address) -> Callable[..., Page]:
    """Open a page at localhost, in a browser with a passkey authenticator."""

    def local(path: str = "/sign-in/") -> Page:
        page = browse(None, "/offline/", service_workers="block")
        add_authenticator(page)
        page.goto(address.replace("127.0.0.1", "localhost") + path)
        return page

    return local


def add_authenticator(page: Page) -> Any:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def sign_in(page: Page, *, expects: str) -> None:
    page.get_by_label("Email").fill("olive@a.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(expects)


def confirm(page: Page) -> None:
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def looked_at(page: Page) -> None:
    found = faults(page)
    assert found == [], "\n".join(found)


def go(page: Page, path: str) -> None:
    """Go to a path of the host that the page is at, which is not the context's."""
    page.goto(page.evaluate("location.origin") + path)


def sign_out(page: Page, then: str = "/sign-in/") -> None:
    page.context.clear_cookies()
    go(page, then)


def test_an_app_from_setting_it_up_to_signing_in_with_a_recovery_code(local, olive):
    page = local("/sign-in/?next=/account/second-factor/")
    looked_at(page)
    sign_in(page, expects="Second factor")
    page.get_by_role("link", name="Set up an app").click()
    confirm(page)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    looked_at(page)
    key = page.locator(".seed").inner_text()
    page.get_by_label("Code from the app").fill("12")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_label("Code from the app")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Code from the app").fill(code(key))
    page.get_by_role("button", name="Turn on").click()

    expect(page.get_by_role("heading", name="Save your recovery codes")).to_be_visible()
    looked_at(page)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    downloaded = started.value.path().read_text()
    shown = page.locator(".codes li").all_inner_texts()
    assert len(shown) == 10
    assert all(one in downloaded for one in shown)
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_role("heading", name="Acme")).to_be_visible()

    sign_out(page)
    sign_in(page, expects="One more step")
    looked_at(page)
    page.get_by_label("Code", exact=True).fill(code(key))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("is not right, or was used before")).to_have_count(0)
    sign_out(page)
    sign_in(page, expects="One more step")
    page.get_by_label("Code", exact=True).fill(shown[2])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Acme")).to_be_visible()
    go(page, "/account/")
    expect(page.get_by_text("9 recovery codes left")).to_be_visible()
    looked_at(page)


def test_a_passkey_from_adding_it_to_signing_in_with_it_alone(local, olive):
    page = local("/sign-in/?next=/account/second-factor/passkeys/add/")
    page.get_by_label("Email").fill("olive@a.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    confirm(page)
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    looked_at(page)
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Save your recovery codes")).to_be_visible()

    sign_out(page, "/sign-in/?next=/account/second-factor/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Second factor", exact=True)).to_be_visible()
    expect(page.locator("strong", has_text="Work laptop")).to_be_visible()
    expect(page.get_by_text("Signs in alone")).to_be_visible()
    looked_at(page)


def test_a_passkey_as_second_factor_and_to_confirm_and_to_remove(local, olive):
    page = local("/sign-in/?next=/account/second-factor/passkeys/add/")
    page.get_by_label("Email").fill("olive@a.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    confirm(page)
    page.get_by_label("Sign in with it alone").uncheck()
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Save your recovery codes")).to_be_visible()

    sign_out(page, "/sign-in/?next=/account/second-factor/")
    sign_in(page, expects="One more step")
    looked_at(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Second factor", exact=True)).to_be_visible()

    page.get_by_role("link", name="Rename Passkey 1").click()
    page.get_by_role("link", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
    looked_at(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Rename a passkey")).to_be_visible()
    looked_at(page)
    page.get_by_label("Name").fill("Stick")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("link", name="Remove Stick").click()
    expect(page.get_by_role("heading", name="Remove Stick?")).to_be_visible()
    looked_at(page)
    page.get_by_role("button", name="Remove Stick").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    expect(page.get_by_role("link", name="Set up an app")).to_be_visible()


def test_a_device_without_a_passkey_says_so(local, olive):
    page = local()

    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("alert").filter(has_text="Nothing was sent")).to_be_visible()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_enabled()
    looked_at(page)


def test_pages_to_change_and_confirm(browse, olive):
    key = give_app(olive.user)
    give_recovery_codes(olive.user)
    page = browse(olive.user, "/account/second-factor/recovery-codes/new/")
    page.get_by_role("link", name="Use a code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    looked_at(page)
    page.get_by_label("Code", exact=True).fill(code(key))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", name="New recovery codes?")).to_be_visible()
    looked_at(page)
    page.goto("/account/second-factor/app/remove/")
    looked_at(page)


def test_a_workspace_comes_to_require_it(browse, olive):
    give_app(olive.user)
    vera = MembershipFactory(workspace=olive.workspace, user__name="Vera", role=Role.OPERATOR)
    ProjectFactory(workspace=olive.workspace, name="Harrier")
    hers = browse(vera.user, "/w/acme/projects/")
    page = browse(olive.user, "/w/acme/settings/")
    looked_at(page)

    page.get_by_role("link", name="Change…").click()
    expect(page.get_by_role("listitem").filter(has_text="Vera")).to_be_visible()
    looked_at(page)
    page.get_by_role("button", name="Require it").click()
    expect(page.get_by_text("Required", exact=True)).to_be_visible()

    hers.get_by_label("Search projects").fill("Harr")
    expect(hers.get_by_role("heading", name="Acme requires a second factor")).to_be_visible()
    expect(hers.get_by_text("Harrier")).to_have_count(0)
    looked_at(hers)
    with workspace_scope(olive.workspace_id):
        assert Workspace.objects.get(pk=olive.workspace_id).requires_second_factor


def test_without_script_an_app_is_set_up_and_passkeys_are_not_offered(browse, olive):
    page = browse(None, "/sign-in/", java_script_enabled=False)
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    page.get_by_label("Email").fill("olive@a.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto("/account/second-factor/passkeys/add/")
    confirm(page)
    expect(page.get_by_text("This needs JavaScript")).to_be_visible()
    page.goto("/account/second-factor/app/")
    page.get_by_label("Code from the app").fill(code(page.locator(".seed").inner_text()))
    page.get_by_role("button", name="Turn on").click()

    expect(page.locator(".codes li")).to_have_count(10)
    expect(page.get_by_role("button", name="Download")).to_be_hidden()
