import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Conversation, Event, Task
from tests.factories import ArtifactFactory, MembershipFactory
from tests.fleet.history.conftest import desk as desk
from tests.fleet.history.conftest import desk_of as desk_of
from tests.fleet.history.conftest import other_desk as other_desk
from tests.pages import error_at, page
from workspaces.models import AuditEntry
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope

HOSTILE = '\x1b[31m<script>alert(1)</script>\x1b[0m "quoted" \u202egnp.exe'
SHOWN = '<script>alert(1)</script> "quoted" gnp.exe'


@pytest.fixture(autouse=True)
def signed_in(client, desk):
    client.force_login(desk.membership.user)


@pytest.fixture
def task(desk):
    return desk.ask("Count the birds.", "Counting.", title="Birds", output="Three.")


def url(desk, name, *args):
    return reverse(f"fleet:conversation-{name}", args=[desk.membership.workspace.slug, *args])


def stored(desk, task):
    with desk.scope:
        return Conversation.objects.filter(pk=task.conversation_id).first()


def manager(desk):
    return MembershipFactory(workspace=desk.membership.workspace, role=Role.ADMIN).user


# Reading


def test_conversation_shows_what_was_asked_what_happened_and_the_result(client, desk, task):
    response = client.get(url(desk, "detail", task.conversation_id))

    shown = page(response)
    assert shown.one("h1").text == "Birds"
    (section,) = shown.all("section", class_="task")
    for words in ("Count the birds.", "Counting.", "Three.", "Succeeded"):
        assert words in section.text
    assert desk.membership.user.name in response.text


def test_a_tasks_artifacts_can_be_had_as_one_file(client, desk, task):
    bare = page(client.get(url(desk, "detail", task.conversation_id)))
    ArtifactFactory(workspace=desk.membership.workspace, task=task)
    address = reverse("fleet:artifact-zip", args=[desk.membership.workspace.slug, task.pk])

    shown = page(client.get(url(desk, "detail", task.conversation_id)))

    assert [link["href"] for link in shown.all("a") if "ZIP" in link.text] == [address]
    assert not [link for link in bare.all("a") if "ZIP" in link.text]


def test_conversation_shows_nothing_of_its_neighbours(client, desk, other_desk, task):
    desk.ask("A neighbour", "neighbouring", title="Another")
    other_desk.ask("A stranger", "strange")

    text = client.get(url(desk, "detail", task.conversation_id)).text

    assert "neighbour" not in text.casefold()
    assert "strange" not in text


def test_what_an_agent_wrote_is_text_and_nothing_else(client, desk):
    task = desk.ask(HOSTILE, HOSTILE, title=HOSTILE, output=HOSTILE)
    with desk.scope:
        data = {"tool": HOSTILE, "path": HOSTILE}
        history.append_events(task, [NewEvent(Event.Kind.TOOL_CALL, HOSTILE, data)])
        events = list(Event.objects.order_by("number"))
        history.index(task)
    ArtifactFactory(workspace=desk.membership.workspace, task=task, path=HOSTILE)
    pages = [
        url(desk, "detail", task.conversation_id),
        url(desk, "task", task.conversation_id, task.pk),
        *(url(desk, "event", task.conversation_id, event.pk) for event in events),
        url(desk, "list"),
        reverse("fleet:history-list", args=[desk.membership.workspace.slug]) + "?q=quoted",
    ]

    for address in pages:
        response = client.get(address)
        assert response.status_code == 200
        assert "<script>alert" not in response.text
        assert "\x1b" not in response.text
    detail = page(client.get(pages[0]))
    assert [pre.text for pre in detail.all("pre")][:2] == [SHOWN, SHOWN]
    assert "\u202e" not in client.get(pages[0]).text.replace("\\u202e", "")


def test_a_long_conversation_is_read_page_by_page(client, desk):
    task = desk.ask("x", title="Long")
    with desk.scope:
        events = [NewEvent(Event.Kind.MESSAGE, f"step {number}.") for number in range(1, 451)]
        history.append_events(task, events)

    seen, address = [], url(desk, "detail", task.conversation_id)
    query = ""
    while True:
        shown = page(client.get(address + query))
        seen.append([pre.text for event in shown.all("details") for pre in event.all("pre")])
        following = shown.all("a", rel="next")
        if not following:
            break
        query = following[0]["href"]

    assert [len(steps) for steps in seen] == [200, 200, 50]
    assert sum(seen, []) == [f"step {number}." for number in range(1, 451)]  # noqa: RUF017
    back = page(client.get(address + shown.one("a", rel="prev")["href"]))
    assert len(back.all("details")) == 200


@pytest.mark.parametrize(
    ("kind", "count"), [("messages", 1), ("tools", 2), ("errors", 1), ("output", 0), ("x", 4)]
)
def test_events_are_narrowed_to_a_kind(client, desk, kind, count):
    task = desk.ask("x", "a message")
    with desk.scope:
        kinds = (Event.Kind.TOOL_CALL, Event.Kind.TOOL_RESULT, Event.Kind.ERROR)
        history.append_events(task, [NewEvent(kind, "y") for kind in kinds])

    shown = page(client.get(url(desk, "detail", task.conversation_id), {"kind": kind}))

    assert len(shown.all("details")) == count


def test_all_of_a_long_text_is_a_page_away(client, desk):
    task = desk.ask("a" * 5000, "b" * 5000 + "end of the event", output="c" * 5000 + "end of it")

    shown = page(client.get(url(desk, "detail", task.conversation_id)))
    links = [link["href"] for link in shown.all("a") if link.text.startswith("Show all")]

    assert "end of" not in shown.text
    assert len(links) == 3
    texts = [client.get(link).text for link in links]
    assert any("end of the event" in text for text in texts)
    assert any("end of it" in text for text in texts)


@pytest.mark.parametrize("after", ["%00", "x", "-1.0", "9" * 4000, "1.99999999999", "' OR 1=1"])
def test_conversation_answers_whatever_an_address_may_say(client, desk, task, after):
    address = url(desk, "detail", task.conversation_id)

    assert client.get(f"{address}?after={after}&kind=%00").status_code == 200


def test_a_task_or_event_is_found_in_its_own_conversation_only(client, desk, other_desk, task):
    other = desk.ask("x", "y", title="Another")
    theirs = other_desk.ask("x", "y")
    with desk.scope:
        event = Event.objects.get(task=other)
    for name, pk in (("task", other.pk), ("event", event.pk), ("task", theirs.pk)):
        assert client.get(url(desk, name, task.conversation_id, pk)).status_code == 404


@pytest.mark.parametrize("count", [3, 300])
def test_conversation_takes_few_statements_whatever_there_is(client, desk, task, count):
    with desk.scope:
        history.append_events(task, [NewEvent(Event.Kind.MESSAGE, "y")] * count)
    address = url(desk, "detail", task.conversation_id) + "?after=1.1"
    client.get(address)

    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200

    sent = [s for s in captured if not s["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(sent) == 10


def test_a_former_members_conversation_stays(client, desk):
    leaver = MembershipFactory(workspace=desk.membership.workspace)
    task = desk.ask("x", title="Birds", by=leaver.user)
    with platform_scope("somebody leaves"):
        leaver.delete()

    for address in (url(desk, "list"), url(desk, "detail", task.conversation_id)):
        text = client.get(address).text
        assert "Birds" in text
        assert "Former member" in text


# The list


def test_conversations_are_listed_here_only_and_archived_ones_apart(client, desk, other_desk, task):
    other_desk.ask("x", title="Kestrels")
    gone = desk.ask("x", title="Trees")
    client.post(url(desk, "archive", gone.conversation_id))

    def titles(query):
        shown = page(client.get(url(desk, "list") + query))
        return [link.text for link in shown.all("a", class_="row-link")]

    assert titles("") == ["Birds"]
    assert titles("?state=archived") == ["Trees"]


def test_empty_list_of_conversations_says_so(client, desk):
    shown = page(client.get(url(desk, "list")))

    assert shown.one("div", class_="empty").one("h2").text == "No conversations yet"


# Changing


def test_conversation_is_renamed(client, desk, task):
    response = client.post(url(desk, "rename", task.conversation_id), {"title": " Trees "})

    assert response.status_code == 302
    assert stored(desk, task).title == "Trees"


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("", "This field is required."),
        ("x" * 201, "Ensure this value has at most 200 characters (it has 201)."),
        ("a\0b", "Null characters are not allowed."),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_conversation_refuses_an_invalid_title(client, desk, task, title, message, headers):
    address = url(desk, "rename", task.conversation_id)

    response = client.post(address, {"title": title}, headers=headers)

    assert response.status_code == 422
    assert error_at(response, "title") == message
    assert stored(desk, task).title == "Birds"


def test_conversation_is_archived_and_restored(client, desk, task):
    for name, archived in (("archive", True), ("archive", True), ("restore", False)):
        assert client.post(url(desk, name, task.conversation_id)).status_code == 302
        assert bool(stored(desk, task).archived_at) is archived


def test_conversation_is_deleted_by_an_admin_with_all_that_is_in_it(client, desk, task):
    client.force_login(manager(desk))
    assert "Birds" in client.get(url(desk, "delete", task.conversation_id)).text

    response = client.post(url(desk, "delete", task.conversation_id))

    assert response.status_code == 302
    with desk.scope:
        assert not Task.objects.exists()
        assert AuditEntry.objects.filter(action="conversation.delete").count() == 1


def test_an_operator_deletes_no_conversation(client, desk, task):
    response = client.post(url(desk, "delete", task.conversation_id))

    assert response.status_code == 403
    assert stored(desk, task)
    detail = client.get(url(desk, "detail", task.conversation_id)).text
    assert url(desk, "delete", task.conversation_id) not in detail


def test_a_conversation_at_work_is_not_deleted_and_the_page_says_why(client, desk):
    conversation = desk.conversation()
    with desk.scope:
        history.add_task(conversation, text="x", by=desk.membership.user)
    client.force_login(manager(desk))

    response = client.post(url(desk, "delete", conversation.pk))

    assert response.status_code == 409
    assert "has not ended yet" in page(response).one("p", role="alert").text


def test_a_viewer_reads_and_changes_nothing(client, desk, task):
    viewer = MembershipFactory(workspace=desk.membership.workspace, role=Role.VIEWER).user
    client.force_login(viewer)

    response = client.get(url(desk, "detail", task.conversation_id))

    assert response.status_code == 200
    changes = ("rename", "archive", "restore", "delete")
    assert not [c for c in changes if url(desk, c, task.conversation_id) in response.text]
    for name in changes:
        address = url(desk, name, task.conversation_id)
        assert client.post(address, {"title": "x"}).status_code == 403
    assert stored(desk, task).title == "Birds"


def test_suspended_workspace_is_read_only(client, desk, task):
    suspend(desk.membership.workspace, "unpaid bill")

    response = client.get(url(desk, "detail", task.conversation_id))

    assert response.status_code == 200
    assert not re.findall(r'action="[^"]*/conversations/', response.text)
    for name in ("rename", "archive", "restore"):
        address = url(desk, name, task.conversation_id)
        assert client.post(address, {"title": "x"}).status_code == 403
    assert stored(desk, task).title == "Birds"
