from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agenhood.fleet.models import AgentTemplate
from tests.factories import AgentFactory, AgentTemplateFactory, MembershipFactory
from tests.fleet.agents.conftest import statements, url
from tests.pages import error_at, page
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

MOST_STATEMENTS = 12
SECRET = "correct horse battery staple"


@pytest.fixture
def merlin(client, mine, parts):
    secret = {"secret-variable": ["PAGER_KEY"], "secret-value": [SECRET]}
    client.post(url("create", mine), parts.form(environment="LANG=C", **secret))
    return parts.stored()


def names(workspace):
    with workspace_scope(workspace.pk):
        return sorted(AgentTemplate.objects.values_list("name", flat=True))


def only(workspace):
    with workspace_scope(workspace.pk):
        return AgentTemplate.objects.get()


def test_an_agent_is_saved_as_a_template_without_secret_values(client, mine, merlin):
    form = page(client.get(url("template-create", mine, merlin)))
    response = client.post(
        url("template-create", mine, merlin), {"name": "Watcher", "description": "At night"}
    )

    template = only(mine.workspace)
    assert form.one("input", name="name")["value"] == "Merlin"
    assert response["Location"] == url("template-detail", mine, template)
    assert (template.name, template.description) == ("Watcher", "At night")
    assert template.created_by_id == mine.user_id
    assert template.configuration["secrets"] == {"PAGER_KEY": 0}
    assert SECRET not in str(template.configuration)
    shown = client.get(response["Location"]).text
    assert "secret, to be set" in shown
    assert SECRET not in shown


def test_an_agent_is_made_from_a_template(client, mine, parts, merlin):
    client.post(url("template-create", mine, merlin), {"name": "Watcher"})
    template = only(mine.workspace)

    shown = page(client.get(url("create", mine, query=f"?template={template.pk}")))

    assert "Set up like Watcher" in shown.one("main").text
    assert shown.one("input", name="model")["value"] == "claude-sonnet-4-5"
    assert shown.all("input", name="secret-variable")[0]["value"] == "PAGER_KEY"
    kept = {"secret-variable": ["PAGER_KEY"], "secret-value": [""]}
    refused = client.post(url("create", mine), parts.form(name="Heron", **kept))
    assert "Give PAGER_KEY a value" in refused.text


def test_the_form_for_a_new_agent_offers_this_workspaces_templates(client, mine):
    ours = AgentTemplateFactory(workspace=mine.workspace, name="Ours")
    theirs = AgentTemplateFactory(name="Theirs")

    shown = client.get(url("create", mine))

    select = page(shown).one("select", id="template")
    assert [o["value"] for o in select.all("option")] == [str(ours.pk)]
    assert "Theirs" not in shown.text
    assert str(theirs.pk) not in shown.text


def test_templates_are_listed_of_their_own_workspace_only(client, mine):
    AgentTemplateFactory(workspace=mine.workspace, name="Ours", created_by=mine.user)
    AgentTemplateFactory(workspace=mine.workspace, name="By somebody gone")
    AgentTemplateFactory(name="Theirs")

    shown = client.get(url("template-list", mine))

    rows = page(shown).one("tbody").all("tr")
    assert [row.one("a", class_="row-link").text for row in rows] == ["By somebody gone", "Ours"]
    assert [row.one("td", data_label="By").text for row in rows] == [
        "Former member",
        str(mine.user),
    ]
    assert "Theirs" not in shown.text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "This field is required."),
        ("x" * 61, "at most 60 characters"),
        ("a\0b", "Null characters are not allowed."),
        ("TAKEN", "This workspace already has a template of that name."),
    ],
)
@pytest.mark.parametrize("page_name", ["template-create", "template-rename"])
def test_a_bad_name_is_refused_at_its_field(client, mine, merlin, page_name, name, message):
    AgentTemplateFactory(workspace=mine.workspace, name="Taken")
    AgentTemplateFactory(name="Elsewhere")
    template = AgentTemplateFactory(workspace=mine.workspace, name="Ours")
    thing = merlin if page_name == "template-create" else template

    response = client.post(url(page_name, mine, thing), {"name": name})

    assert response.status_code == 422
    assert message in error_at(response, "name")
    assert names(mine.workspace) == ["Ours", "Taken"]
    assert client.post(url(page_name, mine, thing), {"name": "Elsewhere"}).status_code == 302


def test_a_template_is_renamed_and_deleted(client, mine):
    template = AgentTemplateFactory(workspace=mine.workspace, name="Ours")
    theirs = AgentTemplateFactory(name="Ours")

    renamed = client.post(url("template-rename", mine, template), {"name": "Renamed"})
    assert renamed["Location"] == url("template-detail", mine, template)
    assert names(mine.workspace) == ["Renamed"]
    assert client.get(url("template-delete", mine, template)).status_code == 200
    assert names(mine.workspace) == ["Renamed"]

    deleted = client.post(url("template-delete", mine, template))

    assert deleted["Location"] == url("template-list", mine)
    assert names(mine.workspace) == []
    assert client.post(url("template-delete", mine, template)).status_code == 404
    assert names(theirs.workspace) == ["Ours"]


@pytest.mark.parametrize("page_name", ["template-detail", "template-rename", "template-delete"])
def test_a_foreign_template_is_not_found(client, mine, page_name):
    theirs = AgentTemplateFactory(name="Theirs")

    for pk in (theirs.pk, uuid4()):
        assert client.get(url(page_name, mine, pk)).status_code == 404
        if page_name != "template-detail":
            assert client.post(url(page_name, mine, pk), {"name": "x"}).status_code == 404
    assert names(theirs.workspace) == ["Theirs"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize("page_name", ["template-rename", "template-delete"])
def test_templates_are_not_changed_by_roles_that_only_read(client, db, role, page_name):
    mine = MembershipFactory(role=role)
    template = AgentTemplateFactory(workspace=mine.workspace, name="Ours")
    agent = AgentFactory(workspace=mine.workspace)
    client.force_login(mine.user)

    assert client.post(url(page_name, mine, template), {"name": "x"}).status_code == 403
    assert client.post(url("template-create", mine, agent), {"name": "x"}).status_code == 403
    assert names(mine.workspace) == ["Ours"]


def test_a_viewer_reads_a_template_without_credentials_names(client, mine, parts, merlin):
    client.post(url("template-create", mine, merlin), {"name": "Watcher"})
    viewer = MembershipFactory(workspace=mine.workspace, role=Role.VIEWER)
    client.force_login(viewer.user)

    shown = client.get(url("template-detail", mine, only(mine.workspace)))

    assert "claude-sonnet-4-5" in shown.text
    assert "a credential" in shown.text
    assert parts.provider.name not in shown.text.replace("claude-sonnet", "")


def test_a_suspended_workspace_keeps_its_templates(client, mine):
    template = AgentTemplateFactory(workspace=mine.workspace, name="Ours")
    suspend(mine.workspace, "unpaid bill")

    assert client.get(url("template-list", mine)).status_code == 200
    for page_name in ("template-rename", "template-delete"):
        assert client.post(url(page_name, mine, template), {"name": "x"}).status_code == 403
    assert names(mine.workspace) == ["Ours"]


def test_the_list_takes_as_many_statements_for_few_as_for_many(client, mine):
    counts = []
    for _ in range(2):
        for _number in range(12):
            AgentTemplateFactory(workspace=mine.workspace)
        client.get(url("template-list", mine))
        with CaptureQueriesContext(connection) as queries:
            client.get(url("template-list", mine))
        counts.append(len(statements(queries)))

    assert counts[0] == counts[1] <= MOST_STATEMENTS
