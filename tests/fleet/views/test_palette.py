"""Where one can go by typing: what the member may see, and nothing of anybody else's."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import (
    AgentFactory,
    MembershipFactory,
    ProjectFactory,
    PromptFactory,
    WorkspaceFactory,
)
from tests.pages import page
from workspaces.provisioning import suspend
from workspaces.roles import Role

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def mine(client, db):
    membership = MembershipFactory(role=Role.VIEWER, workspace__name="Acme", workspace__slug="acme")
    client.force_login(membership.user)
    for workspace in (membership.workspace, WorkspaceFactory(name="Globex", slug="globex")):
        suffix = workspace.name
        project = ProjectFactory(workspace=workspace, name=f"Merlin of {suffix}")
        AgentFactory(workspace=workspace, project=project, name=f"Merlin agent of {suffix}")
        PromptFactory(workspace=workspace, name=f"Merlin prompt of {suffix}")
    return membership


def found(client, query, slug="acme", **headers):
    response = client.get(f"/w/{slug}/go/", {"q": query}, headers=headers)
    assert response.status_code == 200
    shown = page(response).all("div", class_="palette-list")[0]  # the header's is empty
    return {
        link.one(class_="picker-row-name").text: link["href"]
        for link in shown.all("a", class_="picker-row")
    }


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_what_has_the_words_in_its_name_is_found_here_and_nowhere_else(client, mine, headers):
    targets = found(client, "MERLIN", **headers)

    assert list(targets) == [
        "Merlin agent of Acme",
        "Merlin prompt of Acme",
        "Merlin of Acme",
    ]
    assert all(client.get(address).status_code == 200 for address in targets.values())


def test_nothing_of_a_workspace_that_is_not_ones_own_is_found(client, mine):
    assert found(client, "globex") == {}
    assert client.get("/w/globex/go/", {"q": "merlin"}).status_code == 404


def test_what_a_role_may_not_see_it_does_not_find(client, mine):
    auditor = MembershipFactory(workspace=mine.workspace, role=Role.AUDITOR)
    client.force_login(auditor.user)

    assert found(client, "merlin") == {}
    assert "Agents" not in found(client, "")
    assert "Audit" in found(client, "")


def test_pages_are_offered_before_anything_is_typed(client, mine):
    assert list(found(client, ""))[:3] == ["Home", "Agents", "Projects"]
    assert found(client, "proj")["Projects"] == "/w/acme/projects/"
    assert found(client, "account") == {"Account": "/account/"}


def test_ones_other_workspaces_are_found_at_the_same_section(client, mine):
    MembershipFactory(
        user=mine.user, role=Role.VIEWER, workspace__name="Initech", workspace__slug="initech"
    )

    response = client.get("/w/acme/go/", {"q": "ini", "section": "projects"})

    (row,) = page(response).all("a", class_="picker-row")
    assert row["href"] == "/w/initech/projects/"
    assert "Initech" not in found(client, "")
    assert "Acme" not in found(client, "acme")


def test_names_that_begin_with_the_words_come_first(client, mine):
    for name in ("A heron", "Heron", "Grey heron"):
        ProjectFactory(workspace=mine.workspace, name=name)

    assert list(found(client, "heron")) == ["Heron", "A heron", "Grey heron"]


@pytest.mark.parametrize("query", ["%", "_", "\0", "'", "\\", "x" * 5000, "<b>"])
def test_odd_words_are_words(client, mine, query):
    response = client.get("/w/acme/go/", {"q": query})

    assert response.status_code == 200
    assert "<b>" not in response.text


def test_only_the_dialogs_list_is_a_listbox(client, mine):
    dialog = page(client.get("/w/acme/go/", {"q": "merlin"}, headers=FRAGMENT))
    assert len(dialog.all(role="option")) == 3
    whole = page(client.get("/w/acme/go/", {"q": "merlin"})).one("main")
    assert whole.all(role="option") == []


def test_it_costs_the_same_however_much_there_is(client, mine):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            found(client, "merlin")
        own = ("SAVEPOINT", "RELEASE", "SELECT set_config")
        return len([q for q in queries if not q["sql"].startswith(own)])

    cost()
    few = cost()
    for number in range(20):
        PromptFactory(workspace=mine.workspace, name=f"Merlin {number}")
        MembershipFactory(user=mine.user)

    assert cost() == few <= 12


def test_a_suspended_workspace_can_still_be_walked(client, mine):
    suspend(mine.workspace, "unpaid bill")

    assert "Merlin of Acme" in found(client, "merlin")
    assert client.post("/w/acme/go/").status_code == 403


def test_only_pages_of_a_workspace_have_it(client, mine):
    assert page(client.get("/w/acme/")).one(id="palette-button")
    assert page(client.get("/account/")).all(id="palette-button") == []
