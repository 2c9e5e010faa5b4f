"""Prompts in a browser: written, changed by two, promoted, compared, and every page of them."""

import pytest
from playwright.sync_api import expect

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.models import Prompt
from tests.browser.page_check import PHONE, faults
from tests.browser.prompt_rows import written
from tests.browser.rows import member
from tests.factories import AgentFactory, MembershipFactory
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def otto(committed_db):
    """The operator of a workspace with a prompt of three versions and an agent that works by it."""
    otto = member(Role.OPERATOR, of="Acme", name="Otto")
    otto.prompt = written(otto, "Triage")
    return otto


def pages(otto):
    base = "/w/acme/prompts/"
    triage = f"{base}{otto.prompt.pk}/"
    return {
        "list": base,
        "archived": f"{base}?state=archived",
        "new": f"{base}new/?starter=triage",
        "detail": triage,
        "version": f"{triage}?version=3",
        "versions": f"{triage}versions/",
        "write": f"{triage}versions/new/",
        "compare": f"{triage}versions/compare/?before=1&after=3",
        "unified": f"{triage}versions/compare/?before=1&after=3&view=unified",
        "edit": f"{triage}edit/",
        "delete": f"{triage}delete/",
    }


def test_a_prompt_is_written_promoted_and_rolled_back(browse, committed_db):
    otto = member(Role.OPERATOR, of="Acme", name="Otto")
    page = browse(otto.user, "/w/acme/prompts/")
    expect(page.get_by_role("heading", name="No prompts yet")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="Issue triage").click()
    page.get_by_role("button", name="Create prompt").click()
    expect(page.get_by_role("heading", name="Issue triage", exact=True)).to_be_visible()

    page.get_by_label("project", exact=True).fill("Agenhood")
    page.get_by_role("button", name="Show the text filled in").click()
    expect(page.locator("mark")).to_have_text("Agenhood")

    page.get_by_role("link", name="New version").click()
    page.get_by_label("Text").fill("   ")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_label("Text")).to_be_focused()
    expect(page.get_by_label("Text")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Text").fill("Be brief.")
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("button", name="Promote v2 to production").click()
    expect(page.get_by_role("heading", name="Text of v2 production draft")).to_be_visible()
    page.get_by_role("button", name="Roll back production to v1").click()
    expect(page.get_by_role("heading", name="Text of v1 production")).to_be_visible()


def test_two_who_write_at_once_lose_nothing(browse, otto):
    path = f"/w/acme/prompts/{otto.prompt.pk}/versions/new/"
    page = browse(otto.user, path, refusals=[409])
    with workspace_scope(otto.workspace_id):
        actions.add_version(otto.prompt, text="Written meanwhile.", by=otto.user)
    page.get_by_label("Text").fill("Written by me.")
    page.get_by_role("button", name="Save as a new version").click()

    conflict = page.get_by_role("heading", name="Somebody else saved v4 while you were typing")
    expect(conflict).to_be_focused()
    expect(page.locator("pre")).to_have_text("Written meanwhile.")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Written by me.")
    assert faults(page) == []
    page.get_by_role("button", name="Save on top of v4").click()

    expect(page.get_by_role("heading", name="Text of v5 draft")).to_be_visible()
    expect(page.locator("pre")).to_have_text("Written by me.")


def test_prompts_without_script(browse, otto):
    page = browse(otto.user, "/w/acme/prompts/", java_script_enabled=False)
    page.get_by_label("Search prompts").fill("tri")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Triage").click()
    page.get_by_label("project", exact=True).fill("Agenhood")
    page.get_by_role("button", name="Show the text filled in").click()
    expect(page.locator("mark")).to_have_text("Agenhood")
    page.get_by_role("link", name="Back to the prompt").click()
    page.get_by_text("Another label").click()
    page.get_by_label("Label", exact=True).fill("customer")
    page.get_by_role("button", name="Add label").click()
    expect(page.get_by_role("link", name="Remove customer")).to_be_visible()
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Text").fill("Be brief.")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_role("heading", name="Text of v4 draft")).to_be_visible()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_every_page_of_prompts_is_without_fault(browse, otto, role):
    person = otto
    if role == Role.VIEWER:
        person = MembershipFactory(workspace=otto.workspace, role=role)
    page = browse(person.user, "/w/acme/", refusals=[403])
    found = []
    for name, path in pages(otto).items():
        response = page.goto(path)
        refused = role == Role.VIEWER and name in ("new", "write", "edit", "delete")
        assert response.status == (403 if refused else 200), name
        found += faults(page)

    assert found == [], "\n".join(found)


def test_a_label_that_agents_work_by_is_refused_in_words(browse, otto):
    with workspace_scope(otto.workspace_id):
        canary = otto.prompt.labels.get(name="canary")
    AgentFactory(workspace=otto.workspace, name="Kestrel", prompt=otto.prompt, prompt_label=canary)
    page = browse(otto.user, f"/w/acme/prompts/{otto.prompt.pk}/", refusals=[409])
    page.get_by_role("link", name="Remove canary").click()
    page.get_by_role("button", name="Remove label").click()

    expect(page.get_by_role("alert")).to_contain_text("The label canary is in use by Kestrel.")
    assert faults(page) == []


def test_a_suspended_workspace_shows_prompts_and_changes_none(browse, otto):
    suspend(otto.workspace, "the invoice of May is open")
    page = browse(otto.user, "/w/acme/prompts/", viewport=PHONE)
    page.get_by_role("link", name="Triage").click()
    expect(page.locator("pre")).to_contain_text("You sort the issues")
    for name in ("Promote", "Roll back", "Archive", "Move"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    assert faults(page) == []
    with workspace_scope(otto.workspace_id):
        assert Prompt.objects.get().archived_at is None
