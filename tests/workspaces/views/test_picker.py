import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from tests.pages import page
from workspaces import recents
from workspaces.models import Workspace
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope

LIST = "/workspaces/"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def person(client, db):
    """Somebody signed in; other people's workspaces are there to be leaked."""
    WorkspaceFactory(name="Globex", slug="globex")
    user = UserFactory()
    client.force_login(user)
    return user


def join(person, *names, role=Role.VIEWER):
    return [
        MembershipFactory(
            user=person,
            role=role,
            workspace=WorkspaceFactory(name=name, slug=name.lower().replace(" ", "-")),
        )
        for name in names
    ]


def part_from(membership):
    with platform_scope("test data"):
        membership.delete()


def visit(client, *memberships):
    for membership in memberships:
        assert client.get(membership.workspace.get_absolute_url()).status_code == 200


def group(response, name):
    """Return the names in one group of the picker: "recent" or "all"."""
    return [
        row.one("span", class_="picker-row-name").text
        for part in page(response).all("ul", aria_labelledby=f"picker-{name}")
        for row in part.all("a", class_="picker-row")
    ]


def marked(response):
    rows = page(response).all("a", aria_current="true")
    return [row.one("span", class_="picker-row-name").text for row in rows]


def landing(response):
    rows = page(response).one("ul", aria_labelledby="picker-all").all("a")
    return [row["href"] for row in rows]


# The list


def test_picker_lists_own_workspaces_by_name_with_the_role_in_each(client, person):
    join(person, "Initech", role=Role.OWNER)
    join(person, "Acme", role=Role.AUDITOR)

    response = client.get(LIST)

    rows = page(response).all("a", class_="picker-row")
    assert [row.text for row in rows] == ["AC Acme Auditor", "IN Initech Owner"]
    assert "Globex" not in response.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Acme", "Acme Labs", "Initech"]),
        ("acme", ["Acme", "Acme Labs"]),
        (" LABS ", ["Acme Labs"]),
        ("acme-l", ["Acme Labs"]),
        ("globex", []),
        ("%", []),
        ("_", []),
        ("\0", []),
    ],
)
@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_picker_filters_by_name_or_address_and_never_finds_workspaces_of_others(
    client, person, query, expected, headers
):
    join(person, "Initech", "Acme Labs", "Acme")

    response = client.get(LIST, {"q": query}, headers=headers)

    assert response.status_code == 200
    assert group(response, "all") == expected
    assert "globex" not in response.text.replace('value="globex"', "").replace(
        "matches “globex”", ""
    ).replace('data-query="globex"', "")


def test_picker_that_finds_nothing_says_so_and_offers_to_clear_the_filter(client, person):
    join(person, "Acme")

    response = client.get(LIST, {"q": "<i>", "section": "projects", "current": "acme"})

    none = page(response).one("div", class_="picker-none")
    assert "No workspace of yours matches “<i>”." in none.text
    assert none.one("a")["href"] == "/workspaces/?section=projects&current=acme"


def test_picker_tells_which_workspace_is_suspended(client, person):
    acme, _initech = join(person, "Acme", "Initech")
    suspend(acme.workspace, "unpaid bill")

    rows = page(client.get(LIST)).all("a", class_="picker-row")

    assert [row.text for row in rows] == ["AC Acme Suspended Viewer", "IN Initech Viewer"]


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        ({}, True),
        (FRAGMENT, False),
        (FRAGMENT | {"HX-Boosted": "true"}, True),
        (FRAGMENT | {"HX-History-Restore-Request": "true"}, True),
    ],
)
def test_picker_is_a_page_and_for_htmx_a_fragment(client, person, headers, whole):
    join(person, "Acme")

    response = client.get(LIST, headers=headers)

    assert ("<html" in response.text) is whole
    assert group(response, "all") == ["Acme"]


def test_picker_takes_no_changes(client, person):
    assert client.post(LIST).status_code == 405


# Recent workspaces


def test_recent_workspaces_are_the_last_five_newest_first(client, person):
    memberships = join(person, *"ABCDEFG")

    visit(client, *memberships)
    visit(client, memberships[4])

    assert group(client.get(LIST), "recent") == ["E", "G", "F", "D", "C"]


def test_recent_workspaces_are_those_in_which_the_person_still_is(client, person):
    memberships = join(person, *"ABCDEFG")
    visit(client, *memberships[:4])

    part_from(memberships[2])

    response = client.get(LIST)
    assert group(response, "recent") == ["D", "B", "A"]
    assert group(response, "all") == list("ABDEFG")


@pytest.mark.parametrize(
    ("names", "query"), [("ABCDE", ""), ("ABCDEFG", "a")], ids=["few", "filtered"]
)
def test_recent_workspaces_are_left_out_where_they_would_only_repeat(client, person, names, query):
    visit(client, *join(person, *names)[:2])

    assert group(client.get(LIST, {"q": query}), "recent") == []


def test_recent_workspaces_are_those_of_the_session(client, person):
    visit(client, *join(person, *"ABCDEFG")[:2])
    client.logout()
    client.force_login(person)

    assert group(client.get(LIST), "recent") == []


# Which one is marked, and where a row leads


def test_picker_marks_the_workspace_of_the_page_that_it_was_opened_on(client, person):
    """Not the session's: another tab may have moved that on."""
    _acme, initech = join(person, "Acme", "Initech")
    visit(client, initech)

    assert marked(client.get(LIST, {"current": "acme"})) == ["Acme"]
    assert marked(client.get(LIST)) == ["Initech"]
    assert marked(client.get(LIST, {"current": "globex"})) == []


def test_picker_button_names_the_section_and_the_workspace_of_its_page(client, person):
    (acme,) = join(person, "Acme")

    response = client.get(reverse("workspaces:member-list", args=[acme.workspace.slug]))

    assert page(response).one("a", id="picker-button")["href"] == (
        "/workspaces/?section=members&current=acme"
    )


@pytest.mark.parametrize(
    ("section", "as_viewer", "as_auditor"),
    [
        ("projects", "/w/acme/projects/", "/w/initech/"),
        ("members", "/w/acme/members/", "/w/initech/"),
        ("home", "/w/acme/", "/w/initech/"),
        ("", "/w/acme/", "/w/initech/"),
        ("//evil.example", "/w/acme/", "/w/initech/"),
    ],
)
def test_picker_lands_on_the_same_section_if_the_role_there_has_it_else_at_home(
    client, person, section, as_viewer, as_auditor
):
    join(person, "Acme", role=Role.VIEWER)
    join(person, "Initech", role=Role.AUDITOR)

    response = client.get(LIST, {"section": section})

    assert landing(response) == [as_viewer, as_auditor]
    assert all(client.get(address).status_code == 200 for address in landing(response))


# Without any workspace


@pytest.mark.parametrize("contact", ["help@example.test", ""])
def test_person_in_no_workspace_is_told_whom_to_ask(client, person, settings, contact):
    settings.CONTACT_EMAIL = contact

    response = client.get(LIST)

    assert response.status_code == 200
    shown = page(response)
    assert shown.one("h1").text == "You are in no workspace yet"
    assert person.email in shown.one("main").text
    mail = [a["href"] for a in shown.all("a") if a["href"].startswith("mailto:")]
    assert mail == ([f"mailto:{contact}"] if contact else [])
    assert "Globex" not in response.text


def test_person_in_no_workspace_gets_a_fragment_that_says_so(client, person):
    response = client.get(LIST, headers=FRAGMENT)

    assert "<html" not in response.text
    assert page(response).one("p", class_="picker-none").text == "You are in no workspace yet."


def test_platform_staff_see_own_workspaces_only(client, db):
    staff = UserFactory(is_staff=True)
    WorkspaceFactory(name="Globex")
    join(staff, "Acme")
    client.force_login(staff)

    assert group(client.get(LIST), "all") == ["Acme"]


# The start page


def test_start_leads_to_the_workspace_used_last(client, person):
    _acme, initech, _umbrella = join(person, "Acme", "Initech", "Umbrella")
    visit(client, initech)

    response = client.get("/")

    assert (response.status_code, response["Location"]) == (302, "/w/initech/")


def test_start_leads_to_the_list_once_the_person_left_the_workspace_used_last(client, person):
    _acme, initech, _umbrella = join(person, "Acme", "Initech", "Umbrella")
    visit(client, initech)
    part_from(initech)

    assert client.get("/")["Location"] == LIST


def test_start_leads_to_the_only_workspace_at_once(client, person):
    join(person, "Acme")

    assert client.get("/")["Location"] == "/w/acme/"


@pytest.mark.parametrize("names", ["", "AB"])
def test_start_leads_to_the_list_where_there_is_a_choice_or_none(client, person, names):
    join(person, *names)

    assert client.get("/")["Location"] == LIST


# What the session remembers


def active(client):
    return client.session.get(recents.ACTIVE)


def session_writes(client, address, **kwargs):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(address, **kwargs)
    return [
        query["sql"]
        for query in queries
        if "django_session" in query["sql"] and not query["sql"].startswith("SELECT")
    ]


def test_session_remembers_the_workspace_of_the_page(client, person):
    acme, initech = join(person, "Acme", "Initech")

    visit(client, acme)
    assert active(client) == str(acme.workspace_id)
    visit(client, initech)
    assert active(client) == str(initech.workspace_id)


def test_session_is_written_only_when_the_workspace_is_another_one(client, person):
    acme, initech = join(person, "Acme", "Initech")
    visit(client, acme)

    assert session_writes(client, "/w/acme/projects/") == []
    assert session_writes(client, "/w/acme/members/") == []
    assert session_writes(client, LIST) == []
    assert session_writes(client, initech.workspace.get_absolute_url()) != []


def test_fragments_leave_the_session_alone(client, person):
    acme, _initech = join(person, "Acme", "Initech")
    visit(client, acme)

    assert session_writes(client, "/w/initech/projects/", headers=FRAGMENT) == []
    assert active(client) == str(acme.workspace_id)


def test_changes_leave_the_session_alone(client, person):
    acme, _initech = join(person, "Acme", "Initech", role=Role.ADMIN)
    visit(client, acme)

    client.post("/w/initech/projects/new/", {"name": ""})

    assert active(client) == str(acme.workspace_id)


def test_workspaces_of_others_are_not_remembered(client, person):
    with platform_scope("test data"):
        globex = Workspace.objects.get(slug="globex")

    assert client.get(globex.get_absolute_url()).status_code == 404
    assert active(client) is None
