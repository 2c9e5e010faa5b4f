from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agenhood.fleet.actions import agent as actions
from agenhood.fleet.models import Agent
from tests.browser.agent_rows import task_at
from tests.factories import AgentFactory, ConversationFactory, MembershipFactory, ProjectFactory
from tests.fleet.agents.conftest import statements, url
from tests.pages import page
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

MOST_STATEMENTS = 12


def listed(response):
    assert response.status_code == 200
    return [link.text for link in page(response).all("a", class_="row-link")]


def row(response, name):
    """The cells of an agent's row, by their label."""
    (found,) = [one for one in page(response).all("tr") if name in [a.text for a in one.all("a")]]
    return {cell.get("data-label"): cell.text for cell in found.all("td")}


def agent(member, name="Owl", **fields):
    return AgentFactory(workspace=member.workspace, name=name, **fields)


def with_tasks(owner, when, *states, cost=0):
    """Give an agent tasks that were made `when` ago."""
    conversation = ConversationFactory(workspace=owner.workspace, agent=owner)
    for number, state in enumerate(states, start=1):
        task_at(
            timezone.now() - when,
            workspace=owner.workspace,
            conversation=conversation,
            number=number,
            state=state,
            cost_micros=cost,
        )


def test_agent_list_shows_agents_of_its_own_workspace_only(client, mine):
    agent(mine)
    AgentFactory(name="Kestrel")

    response = client.get(url("list", mine))

    assert listed(response) == ["Owl"]
    assert "Kestrel" not in response.text


def test_agent_list_says_how_each_is_doing(client, mine):
    project = ProjectFactory(workspace=mine.workspace, name="Night")
    owl = agent(mine, project=project, revision=7)
    with_tasks(owl, timedelta(days=30), "failed", cost=9_000_000)
    with_tasks(owl, timedelta(days=3), "succeeded", "succeeded", "failed", cost=1_234_567)
    with_tasks(owl, timedelta(hours=1), "cancelled", "timed_out", cost=10_000)
    with_tasks(AgentFactory(), timedelta(hours=1), "succeeded", cost=77_000_000)

    cells = row(client.get(url("list", mine)), "Owl")

    assert cells["State"] == "Running"
    assert cells["Last task"].startswith("Timed out")
    assert cells["Success"] == "50 %"  # two of four: a cancelled one says nothing
    assert cells["Spend"] == "$3.72"
    assert cells["Revision"] == "r7"
    assert cells["Project"] == "Night"


def test_agent_list_says_that_an_agent_has_done_nothing_yet(client, mine):
    agent(mine)

    cells = row(client.get(url("list", mine)), "Owl")

    assert (cells["Last task"], cells["Success"], cells["Spend"]) == ("none yet", "\u2013", "$0.00")


def test_agent_list_leaves_archived_ones_out_until_asked(client, mine):
    for state in Agent.State.values:
        agent(mine, name=state, state=state)

    assert listed(client.get(url("list", mine))) == ["error", "paused", "running"]
    for state in Agent.State.values:
        assert listed(client.get(url("list", mine), {"state": state})) == [state]


def test_agent_list_filters_by_project_and_name_together(client, mine):
    night, day = (ProjectFactory(workspace=mine.workspace) for _ in range(2))
    agent(mine, name="Tawny owl", project=night)
    agent(mine, name="Barn owl", project=day)
    agent(mine, name="Nightjar", project=night)

    assert listed(client.get(url("list", mine), {"project": str(night.pk)})) == [
        "Nightjar",
        "Tawny owl",
    ]
    both = {"project": str(night.pk), "q": "OWL"}
    assert listed(client.get(url("list", mine), both)) == ["Tawny owl"]


def test_agent_list_answers_a_foreign_project_as_an_absent_one(client, mine):
    agent(mine)
    theirs = AgentFactory(name="Kestrel").project

    foreign = client.get(url("list", mine), {"project": str(theirs.pk)})
    absent = client.get(url("list", mine), {"project": str(uuid4())})

    assert listed(foreign) == listed(absent) == []
    assert "Kestrel" not in foreign.text
    assert theirs.name not in foreign.text


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\0"},
        {"q": "%"},
        {"state": "nonsense"},
        {"state": "\0"},
        {"project": "1"},
        {"project": "\0"},
        {"after": "\0"},
        {"before": "zzz"},
        {"workspace": "x", "workspace_id": "y"},
        {"agent__workspace": "x"},
        {"did": "explode", "moved": "1"},
        {"did": "pause", "moved": "<b>"},
        {"did": "pause", "moved": "9" * 5000, "left": "-1"},
        {"did": "resume", "moved": "1", "in_error": "²", "already": "<b>"},
    ],
)
def test_agent_list_takes_any_query(client, mine, query):
    agent(mine)
    AgentFactory(name="Kestrel")

    response = client.get(url("list", mine), query)

    assert response.status_code == 200
    assert "Kestrel" not in response.text
    assert "<b>" not in response.text


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (25, [25]), (26, [25, 1])])
def test_agent_list_links_to_the_next_page_only_if_there_is_one(client, mine, count, sizes):
    project = ProjectFactory(workspace=mine.workspace)
    for number in range(count):
        agent(mine, name=f"Agent {number:02}", project=project)

    seen, query = [], "?q=agent"
    while query:
        response = client.get(url("list", mine, query=query))
        seen += [listed(response)]
        following = page(response).all("a", rel="next")
        query = following[0]["href"] if following else ""

    assert [len(names) for names in seen] == sizes
    assert [name for names in seen for name in names] == [f"Agent {n:02}" for n in range(count)]


def test_agent_list_takes_as_many_statements_for_three_as_for_many(client, mine):
    counts = []
    for number in range(30):
        owl = agent(mine, name=f"Agent {number:02}")
        with_tasks(owl, timedelta(days=1), "succeeded", "failed")
        if number in (3, 29):
            client.get(url("list", mine))
            with CaptureQueriesContext(connection) as queries:
                client.get(url("list", mine))
            counts.append(len(statements(queries)))

    assert counts[0] == counts[1] <= MOST_STATEMENTS


def test_agent_list_answers_htmx_with_the_results_alone(client, mine):
    agent(mine)

    response = client.get(url("list", mine), headers={"HX-Request": "true"})

    assert "<html" not in response.text
    assert listed(response) == ["Owl"]


@pytest.mark.parametrize(("role", "offered"), [(Role.OPERATOR, True), (Role.VIEWER, False)])
def test_empty_agent_list_offers_what_the_role_may_do(client, db, role, offered):
    mine = MembershipFactory(role=role)
    AgentFactory(name="Kestrel")
    client.force_login(mine.user)

    shown = page(client.get(url("list", mine)))

    assert shown.one("h2").text == "No agents yet"
    assert (url("create", mine) in [a["href"] for a in shown.all("a")]) is offered


# Several at once


def bulk(client, member, verb, *agents, **more):
    sent = {"action": verb, "agent": [str(getattr(a, "pk", a)) for a in agents], **more}
    return client.post(url("bulk", member), sent)


def states(workspace):
    with workspace_scope(workspace.pk):
        return dict(Agent.objects.values_list("name", "state"))


def test_bulk_pause_moves_what_can_be_and_says_what_was_left(client, mine):
    agents = [agent(mine, name=state, state=state) for state in Agent.State.values]

    response = bulk(client, mine, "pause", *agents, here="q=r&state=")
    shown = page(client.get(response["Location"]))

    assert response.status_code == 302
    assert states(mine.workspace) == {
        "running": "paused",
        "paused": "paused",
        "error": "error",
        "archived": "archived",
    }
    assert shown.one(role="status", class_="band").text == (
        "Paused 1 agent. 1 was paused already."
        " 2 were left as they are: only a running agent can be paused."
    )
    assert shown.one("input", id="agent-search")["value"] == "r"


def test_bulk_resume_leaves_agents_in_error_alone_and_says_so(client, mine):
    agents = [agent(mine, name=state, state=state) for state in Agent.State.values]

    response = bulk(client, mine, "resume", *agents)
    shown = page(client.get(response["Location"]))

    assert states(mine.workspace) == {
        "running": "running",
        "paused": "running",
        "error": "error",
        "archived": "archived",
    }
    assert shown.one(role="status", class_="band").text == (
        "Resumed 1 agent. 1 was running already."
        " 1 in error was left as it is: see what happened, and resume it on its own page."
        " 1 was left as it is: an archived agent has to be restored first."
    )


def test_bulk_resume_leaves_an_agent_alone_that_fails_at_the_same_moment(mine):
    owl = agent(mine, state="paused")
    with workspace_scope(mine.workspace_id):
        Agent.objects.filter(pk=owl.pk).update(state="error")
        found = actions.resume_many([owl])

    assert (found.moved, found.in_error) == (0, 1)
    assert states(mine.workspace) == {"Owl": "error"}


def test_bulk_leaves_agents_of_other_workspaces_alone_and_answers_as_if_there_were_none(
    client, mine
):
    theirs = AgentFactory(name="Kestrel")

    foreign = bulk(client, mine, "pause", theirs)
    absent = bulk(client, mine, "pause", uuid4())

    assert foreign["Location"] == absent["Location"]
    assert states(theirs.workspace) == {"Kestrel": "running"}


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"action": "pause"},
        {"action": "archive", "agent": "own"},
        {"action": "\0", "agent": "own"},
        {"action": "pause", "agent": "\0"},
        {"action": "pause", "agent": "1"},
        {"here": "a\0=b&c"},
        {"here": "//evil.example/"},
    ],
)
def test_bulk_takes_anything_and_leads_back_to_the_list(client, mine, sent):
    owl = agent(mine)
    sent = {name: str(owl.pk) if value == "own" else value for name, value in sent.items()}

    response = client.post(url("bulk", mine), sent)

    assert response.status_code == 302
    assert response["Location"].startswith(url("list", mine) + "?")
    assert client.get(response["Location"]).status_code == 200
    assert states(mine.workspace) == {"Owl": "running"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_bulk_is_refused_to_roles_that_only_read(client, db, role):
    mine = MembershipFactory(role=role)
    owl = agent(mine)
    client.force_login(mine.user)

    assert bulk(client, mine, "pause", owl).status_code == 403
    assert states(mine.workspace) == {"Owl": "running"}


def test_suspended_workspace_lists_agents_and_offers_no_ticking(client, mine):
    owl = agent(mine)
    suspend(mine.workspace, "unpaid bill")

    response = client.get(url("list", mine))

    assert listed(response) == ["Owl"]
    assert page(response).all("input", type="checkbox") == []
    assert bulk(client, mine, "pause", owl).status_code == 403
    assert states(mine.workspace) == {"Owl": "running"}
