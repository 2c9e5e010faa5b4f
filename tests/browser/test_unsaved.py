"""A form that was begun is not lost by a link: the page asks before it is left."""

import pytest
from playwright.sync_api import expect

from tests.browser.prompt_rows import written
from tests.browser.rows import member
from workspaces.roles import Role


@pytest.fixture
def asked(browse, committed_db):
    """A page of an operator, and the questions that it asked when it was left: all are refused."""
    otto = member(Role.OPERATOR, of="Acme", name="Otto")
    otto.prompt = written(otto, "Triage")
    page = browse(otto.user, "/w/acme/prompts/new/")
    page.questions = []

    def stay(dialog):
        page.questions.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.prompt = f"/w/acme/prompts/{otto.prompt.pk}/"
    return page


def leave(page, name):
    page.get_by_role("link", name=name, exact=True).first.click(no_wait_after=True)


def test_typed_text_is_kept_until_its_writer_agrees(asked):
    asked.get_by_label("Text").fill("Half a")
    leave(asked, "Issue triage")
    expect(asked.get_by_label("Text")).to_have_value("Half a")
    assert asked.questions == ["beforeunload"]

    asked.get_by_label("Text").fill("")
    leave(asked, "Issue triage")
    expect(asked.get_by_label("Text")).not_to_have_value("")
    assert asked.questions == ["beforeunload"]


def test_text_that_came_back_with_an_error_is_still_unsaved(asked):
    asked.get_by_label("Name").fill("Triage")
    asked.get_by_label("Text").fill("Mine.")
    asked.get_by_role("button", name="Create prompt").click()
    expect(asked.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    leave(asked, "Prompts")
    expect(asked.get_by_label("Text")).to_have_value("Mine.")
    assert asked.questions == ["beforeunload"]


def test_what_was_saved_searched_or_only_tried_asks_nothing(asked):
    asked.get_by_label("Name").fill("Notes")
    asked.get_by_label("Text").fill("For {{company}}.")
    asked.get_by_role("button", name="Create prompt").click()
    expect(asked.get_by_role("heading", name="Notes", exact=True)).to_be_visible()
    asked.get_by_label("company", exact=True).fill("Acme")
    leave(asked, "Prompts")
    asked.get_by_role("searchbox").fill("Tri")
    leave(asked, "Home")
    expect(asked).to_have_url("http://" + asked.url.split("/")[2] + "/w/acme/")
    assert asked.questions == []
