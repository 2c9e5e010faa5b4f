import re
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agenhood.fleet.actions.saved_view import VIEWS_OF_A_PERSON
from agenhood.fleet.exports import history_rows
from agenhood.fleet.models import SavedView, Task
from tests.factories import AgentFactory, MembershipFactory, SavedViewFactory, UserFactory
from tests.fleet.history.conftest import desk as desk
from tests.fleet.history.conftest import desk_of as desk_of
from tests.fleet.history.conftest import other_desk as other_desk
from tests.pages import error_at, page
from workspaces.exports.models import Export
from workspaces.models import AuditEntry
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def signed_in(client, desk):
    client.force_login(desk.membership.user)


def url(desk, name="list", *args):
    return reverse(f"fleet:history-{name}", args=[desk.membership.workspace.slug, *args])


def listed(response):
    return [
        cell.one("a", class_="row-link").text for cell in page(response).all("td", class_="hit")
    ]


def views_of(desk, person=None):
    with desk.scope:
        views = SavedView.objects.filter(person=person or desk.membership.user)
        return list(views.order_by("name").values_list("name", "query"))


# The list


def test_history_lists_tasks_of_its_workspace_newest_first(client, desk, other_desk):
    desk.ask("Count the birds.", title="Birds")
    other_desk.ask("Secret", title="Kestrel")
    desk.ask("x", title="Trees", state=Task.State.FAILED)

    response = client.get(url(desk))

    assert listed(response) == ["#1 Trees", "#1 Birds"]
    assert "2 tasks" in page(response).one("div", class_="results-head").text
    assert "Count the birds." in response.text
    assert "Kestrel" not in response.text
    assert "Secret" not in response.text


def test_history_shows_where_the_words_were_found(client, desk):
    desk.ask("x", "first this", "then we pushed to the <b>falcon</b> branch", title="Falcons")

    shown = page(client.get(url(desk), {"q": "falcon"}))

    assert [mark.text for mark in shown.all("mark")] == ["Falcons", "falcon"]
    assert "pushed to the <b>falcon</b> branch" in shown.one("p", class_="snippet").text


def test_history_takes_its_facets_from_the_address_and_keeps_them_in_its_fields(client, desk):
    desk.ask("x", title="Right", state=Task.State.FAILED)
    desk.ask("x", title="Wrong", state=Task.State.SUCCEEDED)
    query = {"agent": desk.agent.pk, "state": ["failed", "running"], "from": "2020-01-01"}

    response = client.get(url(desk), query)

    shown = page(response)
    assert listed(response) == ["#1 Right"]
    boxes = shown.all("input", name="state")
    assert {box["value"] for box in boxes if "checked" in box.attributes} == {"failed", "running"}
    chosen = [o for o in shown.all("option") if "selected" in o.attributes]
    assert [option.text for option in chosen] == [desk.agent.name]
    assert shown.one("input", name="from")["value"] == "2020-01-01"


def test_an_agent_in_the_list_narrows_it_and_keeps_what_was_asked_for(client, desk):
    desk.ask("falcon", title="Right", state=Task.State.FAILED)
    query = {"q": "falcon", "agent": desk.agent.pk, "state": ["failed", "running"]}
    for asked in ({"q": "falcon", "state": ["failed", "running"]}, query):
        shown = page(client.get(url(desk), asked))

        link = shown.one("div", class_="agent").one("a")["href"]
        assert link == f"{url(desk)}?{urlencode(query, doseq=True)}"


def test_history_offers_what_there_is_here_only(client, desk, other_desk):
    shown = page(client.get(url(desk)))

    names = {option.text for option in shown.all("option")}
    assert {desk.agent.name, desk.membership.user.name} <= names
    assert not {other_desk.agent.name, other_desk.membership.user.name} & names


@pytest.mark.parametrize("facet", ["agent", "project", "person"])
def test_another_workspaces_things_find_nothing_as_those_that_are_not_there(
    client, desk, other_desk, facet
):
    desk.ask("x")
    other_desk.ask("x")
    foreign = {
        "agent": other_desk.agent.pk,
        "project": other_desk.agent.project_id,
        "person": other_desk.membership.user_id,
    }[facet]

    answers = [
        re.sub(str(pk), "ID", client.get(url(desk), {facet: pk}).text).replace("\n", "")
        for pk in (foreign, UserFactory().pk)
    ]

    without_tokens = {re.sub(r'value="\w{64}"', "", answer) for answer in answers}
    without_ids = {re.sub(r"<code>\w+</code>", "", answer) for answer in without_tokens}
    assert len(without_ids) == 1
    assert "No match" in answers[0]


@pytest.mark.parametrize(
    "query",
    [
        {"agent": "x"},
        {"state": "x"},
        {"from": "yesterday"},
        {"from": "2026-02-31"},
        {"from": "0001-01-01"},
        {"to": "9999-12-31"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"q": "x" * 201},
        {"zone": "Mars/Olympus"},
    ],
)
def test_history_says_what_it_does_not_understand_and_shows_nothing(client, desk, query):
    desk.ask("x", title="Birds")

    response = client.get(url(desk), query)

    assert response.status_code == 422
    assert page(response).one("div", id="results").one("h2").text == "This cannot be looked for"
    assert "Birds" not in response.text


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=a%00b",
        "agent=%00",
        "after=%00",
        "before=x",
        "after=" + "9" * 5000,
        "q='\"\\()%26|!:*<->",
        "q=%F0%9F%A6%85",
        "state=failed&state=failed",
        "q=-",
        'q="',
        "nonsense=1",
    ],
)
def test_history_answers_whatever_an_address_may_say(client, desk, query):
    desk.ask("x")

    response = client.get(f"{url(desk)}?{query}")

    assert response.status_code == 200


def test_history_is_paged_and_keeps_its_facets(client, desk):
    for number in range(30):
        desk.ask("falcon", title=f"Round {number:02}")
    desk.ask("kestrel", title="Other")

    seen, query = [], "?q=falcon"
    while query:
        response = client.get(url(desk) + query)
        seen.append(listed(response))
        following = page(response).all("a", rel="next")
        query = following[0]["href"] if following else ""

    assert [len(titles) for titles in seen] == [25, 5]
    assert sum(seen, []) == [f"#1 Round {n:02}" for n in reversed(range(30))]  # noqa: RUF017
    assert "30 tasks" in response.text


def test_a_former_members_tasks_stay(client, desk):
    leaver = MembershipFactory(workspace=desk.membership.workspace)
    desk.ask("x", title="Birds", by=leaver.user)
    with platform_scope("somebody leaves"):
        leaver.delete()

    response = client.get(url(desk))

    assert listed(response) == ["#1 Birds"]
    assert "Former member" in response.text
    assert leaver.user.name not in response.text


def test_history_answers_htmx_with_the_results_alone(client, desk):
    desk.ask("x", title="Birds")

    response = client.get(url(desk), headers=FRAGMENT)

    assert "<html" not in response.text
    assert listed(response) == ["#1 Birds"]


@pytest.mark.parametrize("query", [{}, {"q": "falcon", "state": "succeeded"}])
def test_history_takes_the_same_few_statements_whatever_there_is(client, desk, query):
    def statements():
        client.get(url(desk), query)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url(desk), query).status_code == 200
        return [s["sql"] for s in captured if not s["sql"].startswith(("SAVEPOINT", "RELEASE"))]

    for _ in range(3):
        desk.ask("falcon")
    few = statements()
    for _ in range(27):
        by = MembershipFactory(workspace=desk.membership.workspace).user
        desk.ask("falcon", agent=AgentFactory(workspace=desk.membership.workspace), by=by)

    assert len(statements()) == len(few) <= 12


def test_empty_history_says_what_will_be_here(client, desk, other_desk):
    other_desk.ask("x")

    assert page(client.get(url(desk))).one("div", id="results").one("h2").text == (
        "Nothing has run yet"
    )


# Saved views


def test_a_view_keeps_the_facets_without_the_page(client, desk):
    form = client.get(url(desk, "view-create"), {"q": "falcon", "state": "failed", "after": "x"})
    kept = page(form).one("input", name="query")["value"]

    response = client.post(url(desk, "view-create"), {"name": " Failed falcons ", "query": kept})

    assert response.status_code == 302
    assert response["Location"] == f"{url(desk)}?q=falcon&state=failed"
    assert views_of(desk) == [("Failed falcons", "q=falcon&state=failed")]
    assert "Failed falcons" in client.get(url(desk)).text
    with desk.scope:
        assert AuditEntry.objects.filter(action="saved_view.create").count() == 1


def test_nobody_else_sees_a_view_and_its_person_only_where_it_is(client, desk, desk_of):
    SavedViewFactory(workspace=desk.membership.workspace, person=desk.membership.user, name="Mine")
    fellow = MembershipFactory(workspace=desk.membership.workspace, role=Role.OWNER)
    elsewhere = desk_of(user=desk.membership.user, role=Role.OWNER)

    assert "Mine" in client.get(url(desk)).text
    assert "Mine" not in client.get(url(elsewhere)).text
    client.force_login(fellow.user)
    assert "Mine" not in client.get(url(desk)).text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "This field is required."),
        ("x" * 61, "Ensure this value has at most 60 characters (it has 61)."),
        ("a\0b", "Null characters are not allowed."),
    ],
)
def test_a_view_needs_a_name(client, desk, name, message):
    response = client.post(url(desk, "view-create"), {"name": name, "query": "q=x"})

    assert response.status_code == 422
    assert error_at(response, "name") == message
    assert page(response).one("input", name="query")["value"] == "q=x"
    assert views_of(desk) == []


def test_a_view_of_the_same_name_is_refused(client, desk):
    for _ in range(2):
        response = client.post(url(desk, "view-create"), {"name": "Mine", "query": "q=x"})

    assert response.status_code == 422
    assert "You already have a view of that name." in response.text
    assert views_of(desk) == [("Mine", "q=x")]


@pytest.mark.parametrize("query", ["agent=x", "from=2026-02-31", "q=" + "x" * 201])
def test_a_selection_that_makes_no_sense_is_not_saved(client, desk, query):
    response = client.post(url(desk, "view-create"), {"name": "Mine", "query": query})

    assert response.status_code == 422
    assert views_of(desk) == []


def test_a_person_has_so_many_views_and_no_more(client, desk):
    for _ in range(VIEWS_OF_A_PERSON):
        SavedViewFactory(workspace=desk.membership.workspace, person=desk.membership.user)

    response = client.post(url(desk, "view-create"), {"name": "One more", "query": ""})

    assert response.status_code == 422
    assert len(views_of(desk)) == VIEWS_OF_A_PERSON


def test_a_view_is_deleted_by_its_person_only(client, desk):
    workspace = desk.membership.workspace
    mine = SavedViewFactory(workspace=workspace, person=desk.membership.user)
    fellow = MembershipFactory(workspace=workspace, role=Role.OWNER).user
    theirs = SavedViewFactory(workspace=workspace, person=fellow)

    assert client.post(url(desk, "view-delete", mine.pk)).status_code == 302
    assert client.post(url(desk, "view-delete", mine.pk)).status_code == 404
    assert client.post(url(desk, "view-delete", theirs.pk)).status_code == 404

    assert views_of(desk) == []
    assert len(views_of(desk, fellow)) == 1


def test_suspended_workspace_keeps_its_views_as_they_are(client, desk):
    view = SavedViewFactory(workspace=desk.membership.workspace, person=desk.membership.user)
    suspend(desk.membership.workspace, "unpaid bill")

    assert client.post(url(desk, "view-create"), {"name": "x", "query": ""}).status_code == 403
    assert client.post(url(desk, "view-delete", view.pk)).status_code == 403
    shown = page(client.get(url(desk)))
    assert not [form for form in shown.all("form") if "/history/" in form.get("action")][1:]
    assert len(views_of(desk)) == 1


# Exports


def test_an_export_is_of_the_selection_as_the_person_read_it(client, desk):
    with platform_scope("a traveller"):
        user = desk.membership.user
        user.time_zone = "Asia/Tokyo"
        user.save()

    response = client.post(
        url(desk, "export"), {"query": "q=falcon&from=2026-07-01&page=3", "format": "csv"}
    )

    assert response.status_code == 302
    with desk.scope:
        export = Export.objects.get()
        assert export.query == "q=falcon&from=2026-07-01&zone=Asia%2FTokyo"
        assert (export.kind, export.format) == ("history", "csv")


@pytest.mark.parametrize("sent", [{"query": "agent=x", "format": "csv"}, {"format": "exe"}, {}])
def test_an_export_of_nonsense_is_refused(client, desk, sent):
    response = client.post(url(desk, "export"), sent)

    assert response.status_code == 302
    with desk.scope:
        assert not Export.objects.exists()


def test_exported_rows_are_those_of_the_selection_with_their_texts(desk, other_desk, monkeypatch):
    from django.http import QueryDict

    monkeypatch.setattr("agenhood.fleet.exports.BATCH", 2)
    for number in range(5):
        desk.ask(f"falcon {number}", title=f"Round {number}", output="=1+1")
    desk.ask("kestrel")
    other_desk.ask("falcon")

    with desk.scope:
        found = list(history_rows(QueryDict("q=falcon")))
        everything = list(history_rows(QueryDict("")))
        nonsense = list(history_rows(QueryDict("agent=x")))

    assert [row["input"] for row in found] == [f"falcon {n}" for n in reversed(range(5))]
    assert {row["output"] for row in found} == {"=1+1"}
    assert {row["asked_by"] for row in found} == {desk.membership.user.name}
    assert len(everything) == 6
    assert nonsense == []


def test_a_viewer_reads_but_exports_nothing(client, desk):
    viewer = MembershipFactory(workspace=desk.membership.workspace, role=Role.VIEWER)
    desk.ask("x")
    client.force_login(viewer.user)

    response = client.get(url(desk))

    assert response.status_code == 200
    assert url(desk, "export") not in response.text
    assert client.post(url(desk, "export"), {"format": "csv"}).status_code == 403
