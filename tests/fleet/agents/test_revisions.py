"""What a configuration was before: listed, compared, restored."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agenhood.fleet import configuration
from agenhood.fleet.models import Agent, AgentSecret, CredentialGrant
from tests.factories import AgentFactory, AgentRevisionFactory, MembershipFactory
from tests.fleet.agents.conftest import statements, url
from tests.pages import page
from workspaces.roles import Role
from workspaces.scope import workspace_scope

MOST_STATEMENTS = 12


@pytest.fixture
def merlin(client, mine, parts):
    """An agent at its third revision: of the first, much was changed in the second."""
    first = {
        "network_allowed": "on",
        "network_hosts": "a.example.com",
        "environment": "LANG=C",
        "grant-variable": ["FORGE_TOKEN"],
        "grant-credential": [str(parts.token.pk)],
        "secret-variable": ["PAGER_KEY"],
        "secret-value": ["hush hush hush hush"],
    }
    kept = {"secret-variable": ["PAGER_KEY"], "secret-value": [""]}
    client.post(url("create", mine), parts.form(**first))
    agent = parts.stored()
    for number, changes in enumerate(
        [{"model": "second", "tool-run_shell": "allowed"}, {"model": "third"}], start=1
    ):
        response = client.post(
            url("edit", mine, agent), parts.form(revision=str(number), **kept, **changes)
        )
        assert response.status_code == 302
    return parts.stored()


def restore(client, mine, agent, number):
    return client.post(url("revision-restore", mine, agent, number))


def document(agent):
    with workspace_scope(agent.workspace_id):
        return configuration.of_agent(Agent.objects.get(pk=agent.pk))


def revision(agent, number):
    with workspace_scope(agent.workspace_id):
        return agent.revisions.get(number=number)


def test_revisions_are_listed_newest_first_with_who_and_why(client, mine, parts, merlin):
    former = AgentRevisionFactory(workspace=mine.workspace, agent=merlin, number=4, note="<b>why")

    rows = page(client.get(url("revision-list", mine, merlin))).one("tbody").all("tr")

    assert [row.one("a", class_="row-link").text for row in rows] == ["r4", "r3", "r2", "r1"]
    assert rows[1].one("td", data_label="By").text == str(mine.user)
    assert rows[0].one("td", data_label="By").text == "Former member"
    assert rows[0].one("td", data_label="Note").text == "<b>why"
    assert former.created_by.email not in client.get(url("revision-list", mine, merlin)).text


def test_a_revision_page_says_what_it_changed(client, mine, parts, merlin):
    shown = page(client.get(url("revision-detail", mine, merlin, 2)))

    changed = {
        row.one("th").text: [cell.text for cell in row.all("td")]
        for row in shown.one("table", class_="differences").one("tbody").all("tr")
    }
    assert changed == {
        "Basics Model": ["claude-sonnet-4-5", "second"],
        "Tools Run shell commands": ["asks first", "allowed"],
        "Network Network": ["allowed", "none"],
        "Network Host a.example.com": ["allowed", "not there"],
        "Credentials Granted as FORGE_TOKEN": ["Forge", "not there"],
        "Environment LANG": ["C", "not there"],
    }


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", ("r2", "r3")),
        ("?before=1&after=3", ("r1", "r3")),
        ("?before=3&after=1", ("r3", "r1")),
        ("?before=2&after=2", ("r2", "r2")),
        ("?before=x&after=\0", ("r2", "r3")),
        ("?before=-1&after=²", ("r2", "r3")),
        ("?before=" + "9" * 50, ("r2", "r3")),
    ],
)
def test_any_two_revisions_are_compared(client, mine, merlin, query, numbers):
    shown = page(client.get(url("revision-diff", mine, merlin, query=query)))

    assert shown.one("h2", id="differences").text == "{} and {}".format(*numbers)


def test_a_revision_that_there_is_not_is_not_found(client, mine, merlin):
    for number in (0, 4, 2**31, 10**30):
        assert client.get(url("revision-detail", mine, merlin, number)).status_code == 404
        assert restore(client, mine, merlin, number).status_code == 404
    query = "?before=1&after=99"
    assert client.get(url("revision-diff", mine, merlin, query=query)).status_code == 404


def test_revisions_of_a_foreign_agent_are_not_found(client, mine, merlin):
    theirs = AgentFactory(name="Kestrel")
    AgentRevisionFactory(workspace=theirs.workspace, agent=theirs, number=1)

    for pk in (theirs.pk, uuid4()):
        assert client.get(url("revision-list", mine, pk)).status_code == 404
        assert client.get(url("revision-detail", mine, pk, 1)).status_code == 404
        assert restore(client, mine, pk, 1).status_code == 404


def test_restoring_makes_a_new_revision_that_says_the_same(client, mine, parts, merlin):
    response = restore(client, mine, merlin, 1)

    assert response["Location"] == url("revision-detail", mine, merlin, 4)
    made = revision(merlin, 4)
    assert made.note == "As in r1"
    assert made.configuration == revision(merlin, 1).configuration == document(merlin)
    with workspace_scope(merlin.workspace_id):
        assert CredentialGrant.objects.get().variable == "FORGE_TOKEN"


def test_restoring_what_is_so_already_makes_none(client, mine, parts, merlin):
    response = restore(client, mine, merlin, 3)

    assert response["Location"] == url("revision-detail", mine, merlin, 3)
    assert parts.stored().revision == 3


def gone(parts, name):
    """Take away what the first revision names; return what the refusal says of it."""
    now = timezone.now()
    with workspace_scope(parts.workspace.pk):
        if name == "revoked grant":
            type(parts.token).objects.filter(pk=parts.token.pk).update(revoked_at=now)
            return "The credential “Forge” has been revoked."
        if name == "revoked provider":
            type(parts.provider).objects.filter(pk=parts.provider.pk).update(revoked_at=now)
            return "The credential “Claude” has been revoked."
        if name == "deleted grant":
            parts.token.delete()
            return "The credential “Forge” is gone."
        if name == "archived project":
            type(parts.project).objects.filter(pk=parts.project.pk).update(archived_at=now)
            return "Project “Birds” is archived."
        if name == "archived prompt":
            prompts = type(parts.label.prompt).objects
            prompts.filter(pk=parts.label.prompt_id).update(archived_at=now)
            return "Prompt “Falconry” is archived."
        AgentSecret.objects.all().delete()
        return "The secret value PAGER_KEY has been removed"


@pytest.mark.parametrize(
    "name",
    [
        "revoked grant",
        "revoked provider",
        "deleted grant",
        "archived project",
        "archived prompt",
        "removed secret",
    ],
)
def test_restoring_what_names_something_gone_is_refused_in_words(client, mine, parts, merlin, name):
    words = gone(parts, name)
    before = document(merlin)

    response = restore(client, mine, merlin, 1)

    assert response.status_code == 409
    alert = page(response).one(role="alert", class_="band")
    assert [words in item.text for item in alert.all("li")] == [True]
    assert document(merlin) == before
    assert parts.stored().revision == 3


def test_restoring_a_name_that_another_agent_has_by_now_is_refused(client, mine, parts, merlin):
    kept = {"secret-variable": ["PAGER_KEY"], "secret-value": [""]}
    client.post(url("edit", mine, merlin), parts.form(revision="3", name="Heron", **kept))
    AgentFactory(workspace=mine.workspace, name="MERLIN")

    response = restore(client, mine, merlin, 1)

    assert response.status_code == 409
    assert "This workspace already has an agent named Merlin." in response.text
    assert document(merlin)["name"] == "Heron"


def test_an_archived_agents_revisions_are_read_and_not_restored(client, mine, parts, merlin):
    client.post(url("archive", mine, merlin))

    response = restore(client, mine, merlin, 1)

    assert response.status_code == 409
    assert "is archived: restore it before changing it" in response.text
    assert client.get(url("revision-detail", mine, merlin, 1)).status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_restoring_is_refused_to_roles_that_only_read(client, mine, parts, merlin, role):
    reader = MembershipFactory(workspace=mine.workspace, role=role)
    client.force_login(reader.user)

    assert restore(client, mine, merlin, 1).status_code == 403
    assert parts.stored().revision == 3


def test_revision_pages_take_as_many_statements_for_few_as_for_many(client, mine, merlin):
    counts = []
    for _ in range(2):
        for address in (
            url("revision-list", mine, merlin),
            url("revision-detail", mine, merlin, 2),
            url("revision-diff", mine, merlin),
            url("configuration", mine, merlin),
        ):
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            counts.append(len(statements(queries)))
        if len(counts) == 4:
            for number in range(10, 60):
                AgentRevisionFactory(workspace=mine.workspace, agent=merlin, number=number)

    assert counts[:4] == counts[4:]
    assert max(counts) <= MOST_STATEMENTS


def test_a_revision_never_changes_whatever_code_asks_for(client, mine, merlin):
    with workspace_scope(mine.workspace_id):
        revisions = merlin.revisions.filter(number=1)
        for change in ({"configuration": {}}, {"note": "rewritten"}, {"number": 9}):
            with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
                revisions.update(**change)
