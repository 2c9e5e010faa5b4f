"""Pausing, resuming, archiving: which steps there are, and that two at once are one."""

import threading

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as actions
from agenhood.fleet.actions.agent import AgentRefused, EditConflict
from agenhood.fleet.configuration import Setup
from agenhood.fleet.models import Agent
from tests.factories import (
    AgentFactory,
    AgentRevisionFactory,
    ConversationFactory,
    CredentialGrantFactory,
    MembershipFactory,
    TaskFactory,
)
from tests.fleet.agents.conftest import make_parts, statements, url
from tests.pages import page
from workspaces.models import AuditEntry
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import member_scope, workspace_scope

MOST_STATEMENTS = 12
MOVES = {
    ("pause", "running"): "paused",
    ("pause", "paused"): "paused",
    ("resume", "paused"): "running",
    ("resume", "error"): "running",
    ("resume", "running"): "running",
    ("archive", "running"): "archived",
    ("archive", "paused"): "archived",
    ("archive", "error"): "archived",
    ("archive", "archived"): "archived",
    ("restore", "archived"): "paused",
    ("restore", "running"): "running",
    ("restore", "paused"): "paused",
    ("restore", "error"): "error",
}
VERBS = ["pause", "resume", "archive", "restore"]


def stored(agent):
    with workspace_scope(agent.workspace_id):
        return Agent.objects.get(pk=agent.pk)


def trail(agent):
    with workspace_scope(agent.workspace_id):
        entries = AuditEntry.objects.filter(target_id=str(agent.pk)).order_by("number")
        return list(entries.values_list("action", "changes"))


@pytest.mark.parametrize("state", Agent.State.values)
@pytest.mark.parametrize("verb", VERBS)
def test_steps_lead_where_they_should_or_are_refused(client, mine, verb, state):
    owl = AgentFactory(workspace=mine.workspace, name="Owl", state=state, state_reason="before")
    wanted = MOVES.get((verb, state))

    response = client.post(url(verb, mine, owl))

    now = stored(owl)
    if wanted is None:
        assert response.status_code == 409
        assert page(response).one(role="alert", class_="band").text.startswith("Nothing was")
        assert now.state == state
    else:
        assert response["Location"] == url("detail", mine, owl)
        assert now.state == wanted
    assert (now.state_reason == "before") is (now.state == state)
    assert (now.state_since > owl.state_since) is (now.state != state)


def test_a_worker_stops_an_agent_that_cannot_work_and_says_why(db):
    owl = AgentFactory()
    paused = AgentFactory(workspace=owl.workspace, state="paused")
    with workspace_scope(owl.workspace_id):
        assert actions.fail(owl, reason="The model's credential was refused. " * 20)
        assert not actions.fail(owl, reason="again")
        with pytest.raises(AgentRefused, match="Only a running agent"):
            actions.fail(paused, reason="")

    now = stored(owl)
    assert now.state == "error"
    assert now.state_reason.startswith("The model's credential was refused.")
    assert len(now.state_reason) == 200


@pytest.mark.parametrize("verb", VERBS)
def test_a_step_on_a_foreign_agent_finds_nothing(client, mine, verb):
    theirs = AgentFactory(name="Kestrel", state="archived" if verb == "restore" else "running")

    assert client.post(url(verb, mine, theirs)).status_code == 404
    assert stored(theirs).state == theirs.state


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize("verb", VERBS)
def test_steps_are_refused_to_roles_that_only_read(client, db, verb, role):
    mine = MembershipFactory(role=role)
    owl = AgentFactory(workspace=mine.workspace)
    client.force_login(mine.user)

    assert client.post(url(verb, mine, owl)).status_code == 403
    assert stored(owl).state == "running"


@pytest.mark.parametrize("verb", VERBS)
def test_a_suspended_workspace_moves_no_agent(client, mine, verb):
    owl = AgentFactory(workspace=mine.workspace)
    suspend(mine.workspace, "unpaid bill")

    assert client.post(url(verb, mine, owl)).status_code == 403
    assert stored(owl).state == "running"
    assert page(client.get(url("detail", mine, owl))).all("form", action=url(verb, mine, owl)) == []


# Two at once


def at_once(members, operation):
    """Run `operation` for each member at the same moment, each on a connection of its own."""
    barrier, outcomes = threading.Barrier(len(members)), []

    def run(member):
        try:
            with member_scope(member.workspace.slug, member.user_id):
                prepared = operation()
                barrier.wait(timeout=10)
                outcomes.append(prepared())
        except AgentRefused as refused:
            outcomes.append(type(refused))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.fixture
def two(committed_db):
    """Two operators of one workspace, with an agent."""
    first = MembershipFactory(role=Role.OPERATOR)
    second = MembershipFactory(workspace=first.workspace, role=Role.OPERATOR)
    parts = make_parts(first.workspace)
    owl = AgentFactory(workspace=first.workspace, project=parts.project)
    with workspace_scope(first.workspace_id):
        document = configuration.of_agent(owl)
    AgentRevisionFactory(workspace=first.workspace, agent=owl, configuration=document)
    return first, second, owl


@pytest.mark.parametrize("verb", ["pause", "archive"])
def test_two_clicks_at_once_give_one_transition_and_one_audit_row(two, verb):
    first, second, owl = two

    def operation():
        seen = Agent.objects.get(pk=owl.pk)
        return lambda: getattr(actions, verb)(seen)

    outcomes = at_once([first, second], operation)

    assert sorted(outcomes) == [False, True]
    assert [action for action, _changes in trail(owl)] == [f"agent.{verb}"]
    assert trail(owl)[0][1] == {"state": ["running", stored(owl).state]}


def test_pausing_while_somebody_archives_never_brings_an_agent_back(two):
    first, second, owl = two
    moves = iter([actions.pause, actions.archive])

    def operation():
        seen, move = Agent.objects.get(pk=owl.pk), next(moves)
        return lambda: move(seen)

    outcomes = at_once([first, second], operation)

    assert stored(owl).state == "archived"
    assert True in outcomes
    told = [tuple(changes["state"]) for _action, changes in trail(owl)]
    assert told in [
        [("running", "archived")],
        [("running", "paused"), ("paused", "archived")],
    ]


def test_two_edits_at_once_give_one_revision_and_one_conflict(two):
    first, second, owl = two

    def operation():
        document = configuration.of_agent(owl) | {"description": threading.current_thread().name}
        setup, _gone = configuration.setup_from(document)
        return lambda: actions.change(owl, setup=setup, by=owl.created_by, seen=1).number

    outcomes = at_once([first, second], operation)

    assert set(outcomes) == {2, EditConflict}
    assert stored(owl).revision == 2
    assert [action for action, _changes in trail(owl)] == ["agent.change"]


def test_two_agents_of_one_name_at_once_are_one_and_a_refusal(two):
    first, second, owl = two

    def operation():
        document = configuration.of_agent(owl) | {"name": "Twin"}
        setup, _gone = configuration.setup_from(document)
        return lambda: actions.create(setup=setup, by=owl.created_by).name

    outcomes = at_once([first, second], operation)

    assert set(outcomes) == {"Twin", AgentRefused}


def test_a_change_is_on_the_trail_without_secret_values(client, mine, parts):
    secret = {"secret-variable": ["PAGER_KEY"], "secret-value": ["hush hush hush hush"]}
    client.post(url("create", mine), parts.form(**secret))
    agent = parts.stored()
    sent = {"secret-variable": ["PAGER_KEY"], "secret-value": ["another hush hush hush"]}

    client.post(url("edit", mine, agent), parts.form(revision="1", model="other", **sent))

    told = dict(trail(agent))
    assert told["agent.change"]["Basics: Model"] == ["claude-sonnet-4-5", "other"]
    assert told["agent.change"]["Environment: PAGER_KEY"] == [
        "secret, set in r1",
        "secret, set in r2",
    ]
    assert "hush" not in str(told)


def test_a_setup_that_names_nothing_removes_grants_and_secrets(client, mine, parts):
    document = {"name": "Owl", "driver": "command", "command": "true"}
    owl = AgentFactory(workspace=mine.workspace, project=parts.project, **document)
    CredentialGrantFactory(workspace=mine.workspace, agent=owl, credential=parts.token)
    with workspace_scope(mine.workspace_id, user_id=mine.user_id):
        setup, gone = configuration.setup_from(configuration.of_agent(owl) | {"grants": []})
        actions.change(owl, setup=Setup(setup.fields), by=mine.user, seen=1)

        assert gone == []
        assert not owl.grants.exists()


# The agent's own page


def test_the_page_says_what_keeps_the_agent_from_working(client, mine, parts):
    owl = AgentFactory(
        workspace=mine.workspace,
        project=parts.project,
        driver="llm",
        provider_credential=parts.provider,
        prompt=parts.label.prompt,
    )
    with workspace_scope(mine.workspace_id):
        for row, stamp in (
            (parts.project, "archived_at"),
            (parts.provider, "revoked_at"),
            (parts.label.prompt, "archived_at"),
        ):
            type(row).objects.filter(pk=row.pk).update(**{stamp: timezone.now()})

    band = page(client.get(url("detail", mine, owl))).one("div", class_="warn")

    assert [item.text for item in band.all("li")] == [
        "A credential that it uses was revoked.",
        "Its project is archived.",
        "Its prompt is archived.",
    ]


@pytest.mark.parametrize(
    ("role", "seen"), [(Role.OWNER, True), (Role.OPERATOR, True), (Role.VIEWER, False)]
)
def test_who_may_not_see_credentials_names_sees_none_on_an_agents_pages(client, db, role, seen):
    mine = MembershipFactory(role=role)
    parts = make_parts(mine.workspace)
    owl = AgentFactory(
        workspace=mine.workspace, project=parts.project, provider_credential=parts.provider
    )
    CredentialGrantFactory(
        workspace=mine.workspace, agent=owl, credential=parts.token, variable="FORGE_TOKEN"
    )
    with workspace_scope(mine.workspace_id):
        now = configuration.of_agent(owl)
    before = now | {"provider_credential": None, "grants": []}
    for number, document in enumerate([before, now], start=1):
        AgentRevisionFactory(
            workspace=mine.workspace, agent=owl, number=number, configuration=document
        )
    client.force_login(mine.user)

    for address in (
        url("detail", mine, owl),
        url("configuration", mine, owl),
        url("revision-detail", mine, owl, 2),
        url("revision-diff", mine, owl, query="?before=1&after=2"),
    ):
        shown = client.get(address).text
        assert ("Forge" in shown.replace("FORGE_TOKEN", "")) is seen, address
        assert "FORGE_TOKEN" in shown, address


def test_the_page_takes_as_many_statements_for_few_tasks_as_for_many(client, mine):
    owl = AgentFactory(workspace=mine.workspace)
    counts = []
    for _ in range(2):
        conversation = ConversationFactory(workspace=mine.workspace, agent=owl)
        for number in range(1, 15):
            TaskFactory(workspace=mine.workspace, conversation=conversation, number=number)
            CredentialGrantFactory(workspace=mine.workspace, agent=owl)
        client.get(url("detail", mine, owl))
        with CaptureQueriesContext(connection) as queries:
            client.get(url("detail", mine, owl))
        counts.append(len(statements(queries)))

    assert counts[0] == counts[1] <= MOST_STATEMENTS
