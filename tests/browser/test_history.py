"""The history in a browser: finding a task, reading it, and every state that the pages have."""

import re

import pytest
from playwright.sync_api import expect

from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Event, Task
from tests.browser.page_check import PHONE, faults
from tests.browser.rows import member
from tests.browser.test_hostile_names import WORST, inert
from tests.factories import AgentFactory, ArtifactFactory, MembershipFactory
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

Kind = Event.Kind


@pytest.fixture
def otto(committed_db):
    """The admin of a workspace whose agent has counted birds, and failed once."""
    otto = member(Role.ADMIN, of="Acme", name="Otto")
    otto.agent = AgentFactory(workspace=otto.workspace, name="Owl")
    otto.birds = asked(otto, "Birds of May", "Count the birds.", "There are three kestrels.")
    asked(otto, "Trees", "Count the trees.", state=Task.State.FAILED)
    return otto


def asked(otto, title, text, *said, state=Task.State.SUCCEEDED):
    with workspace_scope(otto.workspace_id, user_id=otto.user_id):
        conversation = history.start_conversation(agent=otto.agent, title=title, by=otto.user)
        task = history.add_task(conversation, text=text, by=otto.user)
        history.start_task(task)
        events = [NewEvent(Kind.MESSAGE, words) for words in said]
        call = NewEvent(Kind.TOOL_CALL, "ls -l", {"tool": "run_shell", "seconds": 1})
        history.append_events(task, [*events, call, NewEvent(Kind.ERROR, "No such file")])
        history.finish_task(task, state=state, output="Done.", reason="It is too dark.")
    return task


def test_a_task_is_found_as_one_types_and_read_from_there(browse, otto):
    page = browse(otto.user, "/w/acme/")
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(2)

    page.get_by_label("Words in titles, messages and output").fill("kestrel")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=kestrel"))
    expect(page.locator("mark")).to_have_text("kestrels")
    page.get_by_label("Failed", exact=True).check()
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    assert faults(page) == []
    page.get_by_label("Failed", exact=True).uncheck()
    page.get_by_role("link", name="Birds of May").click()

    expect(page.get_by_role("heading", name="Birds of May")).to_be_visible()
    expect(page.get_by_text("There are three kestrels.")).to_be_visible()
    expect(page.get_by_text("seconds")).to_be_hidden()
    page.get_by_text("run_shell ls -l").click()
    expect(page.get_by_text("seconds")).to_be_visible()
    page.get_by_role("link", name="Errors").click()
    expect(page.locator("details")).to_have_count(1)
    assert faults(page) == []


def test_enter_searches_at_once_and_breaks_no_request_off(browse, otto):
    page = browse(otto.user, "/w/acme/history/")
    errors = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    field = page.get_by_label("Words in titles, messages and output")
    field.press_sequentially("kestrel")
    field.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    field.fill("oak")
    field.press("Enter")
    page.get_by_label("Failed", exact=True).check()
    expect(page).to_have_url(re.compile(r"q=oak.*state=failed"))
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert errors == []
    expect(page.locator("#notice")).to_be_hidden()


def test_events_fit_a_phone(browse, otto):
    page = browse(otto.user, f"/w/acme/conversations/{otto.birds.conversation_id}/")
    page.set_viewport_size(PHONE)
    for event in page.locator(".event > summary").all():
        number, time = event.locator(".event-number"), event.locator(".event-time")
        assert abs(number.bounding_box()["y"] - time.bounding_box()["y"]) < 4
        assert event.bounding_box()["height"] < 56
        assert time.bounding_box()["height"] < 28
    assert faults(page) == []


def test_a_short_name_of_an_agent_stays_in_one_piece(browse, otto):
    with workspace_scope(otto.workspace_id):
        otto.agent.name = "catalogue-check"
        otto.agent.save(update_fields=["name"])
    page = browse(otto.user, "/w/acme/history/")
    page.set_viewport_size({"width": 1280, "height": 800})
    for name in page.get_by_role("link", name="catalogue-check").all():
        assert name.bounding_box()["height"] < 32


def test_a_view_is_saved_used_and_deleted(browse, otto):
    page = browse(otto.user, "/w/acme/history/?state=failed")
    page.get_by_role("link", name="Save view").click()
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("What failed")
    page.get_by_role("button", name="Save view").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert faults(page) == []

    page.goto("/w/acme/history/")
    page.get_by_role("link", name="What failed").click()
    expect(page.get_by_label("Failed", exact=True)).to_be_checked()
    page.get_by_role("button", name="Delete the view What failed").click()
    expect(page.get_by_role("link", name="What failed")).to_have_count(0)


def test_a_conversation_is_renamed_archived_restored_and_deleted(browse, otto):
    page = browse(otto.user, f"/w/acme/conversations/{otto.birds.conversation_id}/")
    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Title").fill("Birds of June")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="Birds of June")).to_be_visible()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("Archived", exact=True)).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete conversation").click()
    expect(page).to_have_url(re.compile(r"/w/acme/conversations/$"))
    expect(page.get_by_role("link", name="Birds of June")).to_have_count(0)


def test_the_history_works_without_script(browse, otto):
    page = browse(otto.user, "/w/acme/history/", java_script_enabled=False)
    page.get_by_label("Words in titles, messages and output").fill("kestrel")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Birds of May").click()
    page.get_by_text("run_shell ls -l").click()
    expect(page.get_by_text("seconds")).to_be_visible()


@pytest.mark.parametrize("name", WORST.values(), ids=WORST)
def test_whatever_an_agent_wrote_is_text(browse, otto, name):
    task = asked(otto, name, name, f"{name}\x1b[31m red \u202e txet", "w" * 5000)
    ArtifactFactory(workspace=otto.workspace, task=task, path=name[:400])
    with workspace_scope(otto.workspace_id):
        event = Event.objects.get(task=task, number=1)
    base = f"/w/acme/conversations/{task.conversation_id}/"
    page = browse(otto.user)
    for path in ("/w/acme/history/", base, f"{base}events/{event.pk}/", f"{base}tasks/{task.pk}/"):
        page.goto(path)
        inert(page)
        page.set_viewport_size(PHONE)
        assert faults(page) == []


def test_states_that_the_pages_have(browse, otto):
    empty = member(Role.VIEWER, of="Globex", user=otto.user)
    page = browse(otto.user, f"/w/{empty.workspace.slug}/history/")
    expect(page.get_by_role("heading", name="Nothing has run yet")).to_be_visible()
    assert faults(page) == []
    page.goto(f"/w/{empty.workspace.slug}/conversations/")
    assert faults(page) == []

    suspend(otto.workspace, "unpaid bill")
    for path in ("history/", f"conversations/{otto.birds.conversation_id}/"):
        page.goto(f"/w/acme/{path}")
        expect(page.get_by_text("Acme is suspended")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Export|Archive"))).to_have_count(0)
        assert faults(page) == []


def test_a_filter_that_makes_no_sense_and_a_role_that_may_not(browse, otto):
    page = browse(otto.user, "/w/acme/history/?from=2026-12-31&to=2026-01-01", refusals=[422, 403])
    expect(page.get_by_role("heading", name="This cannot be looked for")).to_be_visible()
    assert faults(page) == []

    auditor = MembershipFactory(workspace=otto.workspace, role=Role.AUDITOR).user
    other = browse(auditor, "/w/acme/history/", refusals=[403])
    assert faults(other) == []
