"""The page of the audit trail: filters, pages, and what each row tells."""

import zoneinfo
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests import postgres
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from tests.pages import page
from workspaces.audit import Actor, acting, record
from workspaces.audit.models import AuditEntry
from workspaces.audit.selection import used
from workspaces.exports.models import Export
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def mine(db):
    """An auditor of a workspace; another one's trail has rows with the same words."""
    return MembershipFactory(role=Role.AUDITOR)


@pytest.fixture
def auditor(client, mine):
    client.force_login(mine.user)
    return client


def write(workspace, actions, **actor):
    named = {"kind": "person", "label": "ann@acme.test"} | actor
    project = ProjectFactory(workspace=workspace, name=f"Kestrel {workspace.slug} {len(actions)}")
    with acting(Actor(**named)), workspace_scope(workspace.pk):
        for action in actions:
            record(action, project)
    return project


def address(workspace, query=""):
    return reverse("workspaces:audit-list", args=[workspace.slug]) + query


def numbers(response):
    return [entry.number for entry in response.context["entries"]]


def actions(response):
    return [entry.action for entry in response.context["entries"]]


def test_the_newest_row_comes_first_and_tells_who_did_what_to_what(auditor, mine):
    project = ProjectFactory(workspace=mine.workspace, name="Kestrel")
    actor = Actor(
        "token",
        "Nightly",
        "17",
        on_behalf_of="bob@acme.test",
        token_prefix="agh_3f",
        session="c0ffee",
        ip="192.0.2.7",
        user_agent="curl/8",
        request_id="feedbead",
    )
    with acting(actor), workspace_scope(mine.workspace_id):
        changes = {"name": ("Harrier", "Kestrel"), "archived": (False, True), "key": (None, 3)}
        record("project.change", project, changes=changes, reason="A typo")

    response = auditor.get(address(mine.workspace))

    assert actions(response) == ["project.change", "workspace.create"]
    for said in (
        "Nightly",
        "for bob@acme.test",
        "agh_3f…",
        "c0ffee",
        "192.0.2.7",
        "curl/8",
        "feedbead",
        "A typo",
        "Harrier",
        str(project.pk),
        bytes(response.context["entries"][0].hash).hex(),
    ):
        assert said in response.text


def test_pages_show_every_row_once(auditor, mine):
    write(mine.workspace, [f"project.step{n}" for n in range(60)])
    seen, url = [], address(mine.workspace)
    while url:
        response = auditor.get(url)
        seen += numbers(response)
        older = response.context["older_url"]
        url = older and address(mine.workspace, older)

    assert seen == list(range(61, 0, -1))
    newer = auditor.get(address(mine.workspace, response.context["newer_url"]))
    assert numbers(newer) == list(range(36, 11, -1))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("action=project.pause", {"project.pause"}),
        ("actor=bob@acme.test", {"project.pause", "project.resume"}),
        ("actor=bob@acme.test&action=project.resume", {"project.resume"}),
        ("outcome=denied", {"member.remove"}),
        ("target=Falcon", {"project.pause", "project.resume"}),
        ("target=falc", {"project.pause", "project.resume"}),
        ("target=LCO", {"project.pause", "project.resume"}),
        ("target=fal%25", set()),
        ("actor=BOB", {"project.pause", "project.resume"}),
        ("actor=acme.test", {"project.pause", "project.resume", "member.remove"}),
        ("actor=nobody", set()),
    ],
)
def test_filters_find_what_they_say(auditor, mine, query, found):
    other = WorkspaceFactory()
    for workspace in (mine.workspace, other):
        falcon = ProjectFactory(workspace=workspace, name="Falcon")
        with acting(Actor("person", "bob@acme.test")), workspace_scope(workspace.pk):
            record("project.pause", falcon)
            record("project.resume", falcon)
        with acting(Actor("person", "eve@acme.test")), workspace_scope(workspace.pk):
            record("member.remove", outcome="denied", reason="needs member.manage")

    response = auditor.get(address(mine.workspace, f"?{query}"))

    assert set(actions(response)) == found
    assert {entry.workspace_id for entry in response.context["entries"]} <= {mine.workspace_id}


def test_a_whole_name_finds_itself_alone(auditor, mine):
    write(mine.workspace, ["project.pause"], label="ann@acme.test")
    write(mine.workspace, ["project.resume", "project.edit"], label="joann@acme.test")

    assert actions(auditor.get(address(mine.workspace, "?actor=ann@acme.test"))) == [
        "project.pause"
    ]
    assert len(actions(auditor.get(address(mine.workspace, "?actor=ann@acme")))) == 3


def test_among_too_many_names_whole_ones_are_asked_for(auditor, mine, monkeypatch):
    monkeypatch.setattr("workspaces.audit.selection.SEARCHED", 1)
    write(mine.workspace, ["project.pause"], label="ann@acme.test")

    part = auditor.get(address(mine.workspace, "?actor=ann"))

    assert actions(part) == []
    assert "write the whole address or name" in part.text
    assert actions(auditor.get(address(mine.workspace, "?actor=ann@acme.test"))) == [
        "project.pause"
    ]


def test_actions_and_fields_are_shown_in_words_and_the_code_is_kept(auditor, mine):
    project = ProjectFactory(workspace=mine.workspace)
    with acting(Actor("person", "ann@acme.test")), workspace_scope(mine.workspace_id):
        changes = {"requires_second_factor": (False, True)}
        record("agent.restore_revision", project, changes=changes)

    shown = page(auditor.get(address(mine.workspace)))

    row = shown.one(class_="audit").all("li")[0]
    assert row.one(class_="audit-action").text == "Agent: restore revision"
    assert row.one("tbody").all("td")[0].text == "Requires second factor"
    assert "agent.restore_revision" in [code.text for code in row.all("code")]
    assert shown.one("option", value="agent.restore_revision").text == "Agent: restore revision"


def test_an_id_finds_all_that_was_done_to_one_thing(auditor, mine):
    project = write(mine.workspace, ["project.pause", "project.resume"])
    write(mine.workspace, ["project.pause"])

    response = auditor.get(address(mine.workspace, f"?target={project.pk}"))

    assert actions(response) == ["project.resume", "project.pause"]


def backdate(workspace, days):
    """Move the workspace's entries back in time, {number: days}, as only a superuser can."""
    with workspace_scope(workspace.pk):
        ids = dict(AuditEntry.objects.values_list("number", "pk"))
    with postgres.superuser() as superuser:
        for number, back in days.items():
            superuser.execute(
                "UPDATE workspaces_auditentry SET time = time - make_interval(days => %s)"
                " WHERE id = %s",
                [back, ids[number]],
            )


def test_days_are_the_readers_own_and_both_included(client, committed_db):
    mine = MembershipFactory(role=Role.AUDITOR)
    client.force_login(mine.user)
    User.objects.filter(pk=mine.user_id).update(time_zone="Pacific/Auckland")
    write(mine.workspace, ["project.a", "project.b", "project.c"])
    backdate(mine.workspace, {1: 30, 2: 20, 3: 10})
    with workspace_scope(mine.workspace_id):
        times = dict(AuditEntry.objects.values_list("number", "time"))
    day = {n: t.astimezone(zoneinfo.ZoneInfo("Pacific/Auckland")).date() for n, t in times.items()}

    def found(query):
        return numbers(client.get(address(mine.workspace, query)))

    assert found(f"?from={day[2]}&to={day[3]}") == [3, 2]
    assert found(f"?from={day[2] + timedelta(1)}&to={day[3] - timedelta(1)}") == []
    assert found(f"?from={day[3]}") == [4, 3]
    assert found(f"?to={day[1]}") == [1]
    assert found(f"?to={day[1] - timedelta(1)}") == []


def test_nothing_in_range_says_so_and_leads_back(auditor, mine):
    response = auditor.get(address(mine.workspace, "?actor=nobody"))

    assert "Nothing in range" in response.text
    assert f'href="{address(mine.workspace)}"' in response.text


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "from=2026-02-30", "to=9999-12-31", "from=2026-02-02&to=2026-02-01"],
)
def test_days_that_are_none_are_refused_in_words(auditor, mine, query):
    response = auditor.get(address(mine.workspace, f"?{query}"))

    assert response.status_code == 422
    assert "This cannot be looked for" in response.text


@pytest.mark.parametrize(
    "query",
    [
        "action=%00",
        "target=" + "x" * 200,
        "after=-1",
        "after=" + "9" * 5000,
        "before=%D9%A3",
        "before=0",
        "upto=5",
        "target=%F0%9F%A6%86",
    ],
)
def test_no_query_string_breaks_the_page(auditor, mine, query):
    assert auditor.get(address(mine.workspace, f"?{query}")).status_code == 200


@pytest.mark.parametrize("query", ["outcome=odd", "above=x", "upto=-1", "actor=" + "x" * 300])
def test_what_cannot_be_is_refused(auditor, mine, query):
    assert auditor.get(address(mine.workspace, f"?{query}")).status_code == 422


def test_values_are_shown_as_text_whatever_they_are(auditor, mine):
    hostile = "<script>alert(1)</script>"
    project = ProjectFactory(workspace=mine.workspace, name=hostile)
    with acting(Actor("person", hostile, user_agent=hostile)), workspace_scope(mine.workspace_id):
        record("project.change", project, changes={hostile: (hostile, [hostile])}, reason=hostile)

    assert hostile not in auditor.get(address(mine.workspace)).text


def test_the_page_takes_as_many_statements_for_many_rows_as_for_few(auditor, mine):
    auditor.get(address(mine.workspace))  # the session remembers the workspace from here on
    counts = []
    for more in (2, 40):
        write(mine.workspace, [f"project.step{n}" for n in range(more)])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            auditor.get(address(mine.workspace, "?from=2020-01-01&to=2099-01-01"))
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[1] <= 12


def test_a_fragment_is_only_the_rows(auditor, mine):
    response = auditor.get(address(mine.workspace), headers={"HX-Request": "true"})

    assert response.text.lstrip().startswith('<div id="results">')


def test_the_lists_offer_what_the_trail_has(mine):
    write(mine.workspace, ["project.pause", "project.pause", "agent.run"], label="zoe@acme.test")
    write(WorkspaceFactory(), ["foreign.action"], label="foreign@globex.test")

    with workspace_scope(mine.workspace_id):
        assert used("action") == ["agent.run", "project.pause", "workspace.create"]
        assert used("actor_label") == ["provision a workspace", "zoe@acme.test"]
    with workspace_scope(WorkspaceFactory().pk):
        assert used("action") == ["workspace.create"]


def test_a_viewers_visit_is_refused_and_on_the_trail(client, mine):
    viewer = MembershipFactory(workspace=mine.workspace, role=Role.VIEWER)
    client.force_login(viewer.user)

    assert client.get(address(mine.workspace)).status_code == 403

    with workspace_scope(mine.workspace_id):
        entry = AuditEntry.objects.latest("number")
    assert (entry.action, entry.outcome) == ("audit.list", "denied")
    assert (entry.actor_label, entry.reason) == (viewer.user.email, "needs audit.view")


def test_an_export_takes_the_filters_and_ends_where_the_trail_did(auditor, mine):
    write(mine.workspace, ["project.pause", "project.resume"])
    sent = {"query": "action=project.pause&from=2020-01-01", "format": "csv"}

    response = auditor.post(reverse("workspaces:audit-export", args=[mine.workspace.slug]), sent)

    assert response.status_code == 302
    with workspace_scope(mine.workspace_id):
        export = Export.objects.get()
        assert export.kind == "audit"
        assert export.query == "action=project.pause&above=0&upto=3"
        assert AuditEntry.objects.latest("number").action.startswith("export.")


def test_an_export_that_selects_nothing_possible_is_refused(auditor, mine):
    sent = {"query": "from=never", "format": "csv"}

    response = auditor.post(
        reverse("workspaces:audit-export", args=[mine.workspace.slug]), sent, follow=True
    )

    assert "These filters select nothing" in response.text
    with workspace_scope(mine.workspace_id):
        assert not Export.objects.exists()


def test_in_a_suspended_workspace_it_is_read_and_not_exported(auditor, mine):
    suspend(mine.workspace, "Unpaid")

    response = auditor.get(address(mine.workspace))

    assert response.status_code == 200
    assert "Export" not in response.text.partition("<main")[2]
    export = reverse("workspaces:audit-export", args=[mine.workspace.slug])
    assert auditor.post(export, {"format": "csv"}).status_code == 403
    with workspace_scope(mine.workspace_id):
        entry = AuditEntry.objects.latest("number")
    assert (entry.action, entry.outcome) == ("audit.export", "denied")
    assert entry.reason == "The workspace is suspended."
    assert entry.time > timezone.now() - timedelta(minutes=5)
