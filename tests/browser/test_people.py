"""Inviting somebody and joining; tokens, seen once. As people do it, on a desk and on a phone."""

import pytest
from playwright.sync_api import expect

from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from tests.factories import InvitationFactory, TokenFactory, UserFactory
from workspaces.invitations.models import Invitation
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope
from workspaces.secret_text import digest_of, new_secret
from workspaces.tokens import TokenRefused, token_scope

PASSWORD = "a good long password"


@pytest.fixture
def olive(committed_db):
    return member(Role.OWNER, of="Acme", name="Olive", email="olive@a.test", password=PASSWORD)


def mailed_link(olive, to: str) -> str:
    """Return the path of a link as the mail to that address has it; the server's own is its own."""
    secret = new_secret(olive.workspace_id)
    with workspace_scope(olive.workspace_id):
        assert Invitation.objects.filter(email=to).update(mail_digest=digest_of(secret)) == 1
    return f"/invitations/open/{secret}/"


def listed(found: list[str]) -> str:
    return "\n" + "\n".join(found)


def test_a_newcomer_is_invited_and_joins(browse, olive):
    page = browse(olive.user, "/w/acme/members/")
    page.get_by_role("link", name="Invite", exact=True).click()
    page.get_by_label("E-mail").fill("pat@x.test")
    page.get_by_label("Role").select_option("Operator")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("heading", name="pat@x.test is invited")).to_be_visible()
    found = faults(page)

    expect(page.get_by_text("The invitation was mailed.")).to_be_visible()
    link = mailed_link(olive, "pat@x.test")
    pat = browse(None, link)
    expect(pat.get_by_role("heading", name="Join Acme")).to_be_visible()
    assert pat.url.endswith("/invitations/accept/")
    found += faults(pat)
    pat.get_by_label("Your name").fill("Pat")
    pat.get_by_label("Password", exact=True).fill(PASSWORD)
    pat.get_by_label("The same once more").fill("another long password")
    pat.get_by_role("button", name="Make the account and join").click()
    expect(pat.get_by_text("The two passwords are not the same.")).to_be_visible()
    found += faults(pat)
    pat.get_by_label("Password", exact=True).fill(PASSWORD)
    pat.get_by_label("The same once more").fill(PASSWORD)
    pat.get_by_role("button", name="Make the account and join").click()
    expect(pat).to_have_title("Home · Acme")

    page.goto("/w/acme/members/")
    expect(page.get_by_role("row", name="Pat pat@x.test")).to_contain_text("Operator")
    again = browse(None, link, refusals=[404])
    expect(again.get_by_role("heading", name="This invitation cannot be used")).to_be_visible()
    found += faults(again)
    assert found == [], listed(found)


def test_what_one_came_to_do_covers_nothing_on_a_phone(browse, olive):
    page = browse(olive.user, "/w/acme/members/", viewport=PHONE)
    invite = page.get_by_role("link", name="Invite", exact=True)
    expect(invite).to_be_in_viewport()

    floating = "one => ['fixed', 'sticky'].includes(getComputedStyle(one).position)"
    every = "[...document.querySelectorAll('main, main *')]"
    assert page.evaluate(f"{every}.filter({floating}).map((one) => one.outerHTML)") == []


def test_somebody_else_switches_accounts(browse, olive):
    secret = new_secret(olive.workspace_id)
    InvitationFactory(workspace=olive.workspace, email="pat@x.test", secret=secret)
    UserFactory(email="pat@x.test", name="Pat", password=PASSWORD)
    ann = UserFactory(email="ann@x.test", name="Ann")

    page = browse(ann, f"/invitations/open/{secret}/", viewport=PHONE)
    expect(page.get_by_role("heading", name="This invitation is for pat@x.test")).to_be_visible()
    found = faults(page)
    page.get_by_role("button", name="Switch account").click()
    page.get_by_label("Email").fill("pat@x.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("You are signed in as pat@x.test")).to_be_visible()
    found += faults(page)
    page.get_by_role("button", name="Accept").click()

    expect(page).to_have_title("Home · Acme")
    assert found == [], listed(found)


def test_an_invitation_is_accepted_where_one_has_no_workspace_yet(browse, olive):
    pat = UserFactory(email="pat@x.test")
    InvitationFactory(workspace=olive.workspace, email="pat@x.test")

    page = browse(pat, "/", viewport=PHONE)
    expect(page.get_by_role("heading", name="You are in no workspace yet")).to_be_visible()
    found = faults(page)
    page.get_by_role("button", name="Accept the invitation to Acme").click()

    expect(page).to_have_title("Home · Acme")
    assert found == [], listed(found)


def test_a_copied_link_leads_a_newcomer_to_the_mail(browse, olive):
    secret = new_secret(olive.workspace_id)
    InvitationFactory(workspace=olive.workspace, email="pat@x.test", secret=secret)

    page = browse(None, f"/invitations/open/{secret}/")
    expect(page.get_by_role("heading", name="New here?")).to_be_visible()
    found = faults(page)
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_text("The mail is on its way")).to_be_visible()
    page.goto(mailed_link(olive, "pat@x.test"))
    expect(page.get_by_label("Your name")).to_be_visible()
    assert found == [], listed(found)


def test_a_token_is_seen_once_and_revoked(browse, olive):
    page = browse(
        olive.user,
        "/w/acme/tokens/",
        viewport=PHONE,
        permissions=["clipboard-read", "clipboard-write"],
    )
    expect(page.get_by_role("heading", name="No tokens")).to_be_visible()
    found = faults(page)
    page.get_by_role("link", name="New token").click()
    page.get_by_label("Name").fill("Nightly report")
    expect(page.get_by_role("checkbox", name="edit project")).to_be_hidden()
    page.get_by_label("Only what is chosen below").check()
    page.get_by_role("checkbox", name="view project").check()
    found += faults(page)
    page.get_by_role("button", name="Make the token").click()
    text = page.get_by_label("Token", exact=True).input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    found += faults(page)
    with token_scope(text) as scope:
        assert scope.holder.scopes == {"project.view"}

    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("table")).to_contain_text("Nightly report")
    assert text not in page.content()
    found += faults(page)
    page.get_by_role("button", name="Revoke Nightly report").click()
    expect(page.get_by_role("heading", name="No tokens")).to_be_visible()
    with pytest.raises(TokenRefused), token_scope(text):
        pass
    assert found == [], listed(found)


def test_a_suspended_workspace_offers_nothing_to_do(browse, olive):
    InvitationFactory(workspace=olive.workspace)
    TokenFactory(workspace=olive.workspace, membership=olive)
    suspend(olive.workspace, "the invoice of May is open")
    page = browse(olive.user, "/w/acme/invitations/")
    found = faults(page)
    for path in ("invitations/", "tokens/", "service-accounts/"):
        page.goto(f"/w/acme/{path}")
        expect(page.locator("main").get_by_role("button")).to_have_count(0)
        expect(page.get_by_text("Acme is suspended")).to_be_visible()
    found += faults(page)
    assert found == [], listed(found)
