"""The page of the API's operations: found from where tokens are, readable on a phone."""

import re

from playwright.sync_api import expect

from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from workspaces.roles import Role


def test_the_page_of_the_api_is_led_to_from_tokens_and_has_no_fault(browse, committed_db):
    olive = member(Role.OWNER, of="Acme", name="Olive", email="olive@a.test")
    page = browse(olive.user, "/w/acme/tokens/")

    page.get_by_role("main").get_by_role("link", name="API", exact=True).click()

    expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
    assert "`" not in page.get_by_role("main").inner_text()
    assert "Listed_" not in page.get_by_role("main").inner_text()
    opened = page.locator("details", has_text="/api/v1/projects").first
    opened.locator("summary").click()
    expect(opened.get_by_text("page of ProjectOut")).to_be_visible()
    found = faults(page)
    assert found == [], "\n".join(found)


def test_every_link_of_the_page_leads_to_a_place_on_it(browse, committed_db):
    olive = member(Role.OWNER, of="Acme", name="Olive", email="olive@a.test")
    page = browse(olive.user, "/api/v1/docs", viewport=PHONE)

    places = page.eval_on_selector_all("main a[href^='#']", "all => all.map((one) => one.hash)")

    assert places
    there = set(page.eval_on_selector_all("[id]", "all => all.map((one) => `#${one.id}`)"))
    assert set(places) <= there
    assert all(re.fullmatch(r"#[\w-]+", place) for place in places)
