"""Coming in, going out, and what a browser shows afterwards."""

import re

from playwright.sync_api import expect

from tests.factories import MembershipFactory, UserFactory


def test_signing_in_leads_to_the_only_workspace(browse):
    person = UserFactory(email="olive@example.test", password="a good long password")
    MembershipFactory(user=person, workspace__name="Acme", workspace__slug="acme")
    page = browse()

    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("olive@example.test")
    page.get_by_label("Password").fill("a good long password")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Acme", level=1)).to_be_visible()
    expect(page).to_have_url(re.compile("/w/acme/$"))
    expect(page).to_have_title("Home · Acme")
