"""Agents in a browser: setting one up, in a list, and in every state that its pages have."""

import re

import pytest
from playwright.sync_api import expect

from agenhood.fleet import configuration
from agenhood.fleet.models import Agent
from tests.browser.agent_rows import fleet
from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from tests.browser.test_hostile_names import WORST, inert
from tests.factories import (
    AgentFactory,
    AgentRevisionFactory,
    AgentTemplateFactory,
    ConversationFactory,
    MembershipFactory,
    ProjectFactory,
    TaskFactory,
)
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def otto(committed_db):
    """The operator of a workspace with agents."""
    otto = member(Role.OPERATOR, of="Acme", name="Otto")
    otto.owl = fleet(otto)
    return otto


def pages(otto):
    base = "/w/acme/agents/"
    owl = f"{base}{otto.owl.pk}/"
    return {
        "list": base,
        "archived": f"{base}?state=archived",
        "new": f"{base}new/",
        "detail": owl,
        "configuration": f"{owl}configuration/",
        "edit": f"{owl}edit/",
        "revisions": f"{owl}revisions/",
        "revision": f"{owl}revisions/2/",
        "compare": f"{owl}revisions/compare/?before=1&after=2",
        "template": f"{owl}template/",
        "templates": f"{base}templates/",
    }


def test_an_operator_sets_an_agent_up_and_pauses_it(browse, otto):
    page = browse(otto.user, "/w/acme/agents/")
    page.get_by_role("link", name="New agent").click()
    page.get_by_label("Name", exact=True).fill("Heron")
    page.get_by_label("Project").select_option(label="Night watch")
    page.get_by_label("Command", exact=True).first.check()
    expect(page.get_by_role("textbox", name="Model", exact=True)).to_be_hidden()
    page.get_by_role("radio", name="Language model").check()
    expect(page.get_by_role("textbox", name="Command")).to_be_hidden()
    page.get_by_role("textbox", name="Model", exact=True).fill("claude-sonnet-4-5")
    page.get_by_role("button", name="Create agent").click()
    credential = page.get_by_role("combobox", name="Provider credential")
    expect(credential).to_have_attribute("aria-invalid", "true")
    expect(credential).to_be_focused()
    credential.select_option(label="Claude key")
    page.get_by_role("combobox", name="Prompt").select_option(label="Triage · production (now v1)")
    page.get_by_label("Run shell commands").select_option("ask")
    page.get_by_role("button", name="Another credential").click()
    page.get_by_label("Variable").nth(2).fill("FORGE_TOKEN")
    page.get_by_label("Credential", exact=True).nth(2).select_option(label="Forge bot · Token")
    page.get_by_label("What this changes, and why").fill("First try")
    page.get_by_role("button", name="Create agent").click()

    expect(page.locator("#agent-name")).to_have_text("Heron")
    expect(page.get_by_text("FORGE_TOKEN")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    with workspace_scope(otto.workspace_id):
        heron = Agent.objects.get(name="Heron")
        assert heron.state == Agent.State.PAUSED
        assert heron.grants.get().credential.name == "Forge bot"


def test_several_agents_are_paused_at_once(browse, otto):
    page = browse(otto.user, "/w/acme/agents/")
    page.get_by_label("Tick all on this page").check()
    expect(page.get_by_text("3 ticked")).to_be_visible()

    page.get_by_role("button", name="Pause ticked").click()

    said = page.get_by_role("status").filter(has_text="Paused 1 agent. 1 was paused already.")
    expect(said).to_contain_text("1 was left as it is: only a running agent can be paused.")


@pytest.mark.parametrize("name", ["detail", "revisions", "compare"])
def test_an_agents_menu_opens_within_a_phone(browse, otto, name):
    page = browse(otto.user, pages(otto)[name], viewport=PHONE)
    page.get_by_text("More", exact=True).click()
    expect(page.get_by_role("link", name="Save as a template")).to_be_visible()

    box = page.locator(".more-panel").bounding_box()

    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_the_list_is_filtered_as_one_types(browse, otto):
    page = browse(otto.user, "/w/acme/agents/")
    page.get_by_label("Search agents").fill("kest")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("q=kest"))
    page.get_by_label("Search agents").fill("")
    page.get_by_label("State", exact=True).select_option("archived")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="Bittern")).to_be_visible()


def test_a_conflict_shows_both_and_can_be_settled(browse, otto):
    page = browse(otto.user, f"/w/acme/agents/{otto.owl.pk}/edit/", refusals=[409])
    other = page.context.new_page()
    other.goto(f"/w/acme/agents/{otto.owl.pk}/edit/")
    other.get_by_role("textbox", name="Model", exact=True).fill("claude-opus-4-1")
    other.get_by_role("button", name="Save as a new revision").click()
    expect(other.locator("#agent-name")).to_be_visible()

    page.get_by_role("textbox", name="Model", exact=True).fill("gpt-5")
    page.get_by_role("button", name="Save as a new revision").click()

    heading = page.get_by_role("heading", name="Somebody else saved r3 while you were typing")
    expect(heading).to_be_visible()
    conflict = page.get_by_role("table")
    expect(conflict).to_contain_text("claude-opus-4-1")
    expect(conflict).to_contain_text("gpt-5")
    assert faults(page) == []
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.locator("#agent-name")).to_be_visible()
    with workspace_scope(otto.workspace_id):
        owl = Agent.objects.get(pk=otto.owl.pk)
    assert (owl.model, owl.revision) == ("gpt-5", 4)


def test_agents_without_script(browse, otto):
    page = browse(otto.user, "/w/acme/agents/", java_script_enabled=False)
    page.get_by_label("Tick Owl").check()
    page.get_by_role("button", name="Pause ticked").click()
    expect(page.get_by_text("Paused 1 agent.")).to_be_visible()

    page.goto(f"/w/acme/agents/{otto.owl.pk}/edit/")
    page.get_by_label("Variable").nth(1).fill("SECOND_TOKEN")
    page.get_by_label("Credential", exact=True).nth(1).select_option(label="Forge bot · Token")
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.get_by_text("SECOND_TOKEN")).to_be_visible()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_every_page_of_agents_is_without_fault(browse, otto, role):
    person = otto
    if role == Role.VIEWER:
        person = MembershipFactory(workspace=otto.workspace, role=role)
    page = browse(person.user, "/w/acme/", refusals=[403])
    found = []
    for name, path in pages(otto).items():
        response = page.goto(path)
        refused = role == Role.VIEWER and name in ("new", "edit", "template")
        assert response.status == (403 if refused else 200), name
        found += faults(page)

    assert found == [], "\n".join(found)


def test_a_workspace_without_agents_says_what_to_do(browse, committed_db):
    page = browse(member(Role.OPERATOR, of="Acme").user, "/w/acme/agents/")
    expect(page.get_by_role("heading", name="No agents yet")).to_be_visible()
    found = faults(page)
    page.get_by_role("link", name="Create the first agent").click()
    expect(page.get_by_role("heading", name="New agent")).to_be_visible()
    page.goto("/w/acme/agents/templates/")
    expect(page.get_by_role("heading", name="No templates yet")).to_be_visible()
    assert found + faults(page) == []


def test_a_suspended_workspace_shows_agents_and_changes_none(browse, otto):
    suspend(otto.workspace, "the invoice of May is open")
    page = browse(otto.user, "/w/acme/agents/", viewport=PHONE)
    expect(page.get_by_role("link", name="Owl")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_role("link", name="New agent")).to_have_count(0)
    page.get_by_role("link", name="Owl").click()
    expect(page.locator("#agent-name")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert faults(page) == []


# Names that people or their tools may make up


@pytest.mark.parametrize("name", WORST.values(), ids=WORST)
def test_what_is_typed_about_agents_is_only_ever_text(browse, committed_db, name):
    otto = member(Role.OPERATOR, of="Acme", name=name)
    of = {"workspace": otto.workspace, "created_by": otto.user}
    project = ProjectFactory(workspace=otto.workspace, name=name)
    agent = AgentFactory(
        **of,
        name=name,
        description=name,
        project=project,
        driver="command",
        command=name * 5,
        environment={"TEXT": name},
        state="error",
        state_reason=name,
        revision=2,
    )
    with workspace_scope(otto.workspace_id):
        document = configuration.of_agent(agent)
    for number, text in enumerate(["", name], start=1):
        changed = document | {"command": text, "model": name, "environment": {"TEXT": text}}
        AgentRevisionFactory(**of, agent=agent, number=number, configuration=changed, note=name)
    AgentTemplateFactory(**of, name=name, description=name, configuration=document)
    conversation = ConversationFactory(**of, agent=agent, title=name)
    TaskFactory(
        **of, conversation=conversation, state="failed", state_reason=name, agent_revision=2
    )
    page = browse(otto.user, "/w/acme/", viewport=PHONE)
    page.on("dialog", lambda dialog: pytest.fail(f"a name opened a dialog: {dialog.message}"))
    otto.owl = agent

    for path in ["/w/acme/", f"/w/acme/projects/{project.pk}/", *pages(otto).values()]:
        assert page.goto(path).status == 200, path
        inert(page)
