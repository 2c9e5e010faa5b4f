"""Setting an agent up: what the form offers and accepts, and what is stored."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agenhood.fleet import configuration
from agenhood.fleet.forms.agent import AgentForm, plain_data
from agenhood.fleet.models import Agent, AgentSecret
from tests.factories import (
    AgentFactory,
    AgentSecretFactory,
    CredentialFactory,
    ProjectFactory,
    PromptFactory,
    PromptLabelFactory,
    PromptVersionFactory,
)
from tests.fleet.agents.conftest import statements, url
from tests.pages import page
from workspaces.scope import workspace_scope
from workspaces.secrets import open_sealed

MOST_STATEMENTS = 12
SECRET = "correct horse battery staple"


def errors(response):
    assert response.status_code == 422
    return [error.text for error in page(response).all("ul", class_="errorlist")]


def offered(response, name):
    return [o["value"] for o in page(response).one("select", name=name).all("option") if o["value"]]


def in_scope(parts):
    return workspace_scope(parts.workspace.pk)


def count(workspace):
    with workspace_scope(workspace.pk):
        return Agent.objects.count()


# Creating


def test_create_stores_all_of_it_and_the_first_revision(client, mine, parts):
    sent = parts.form(
        network_allowed="on",
        network_hosts="API.example.com\r\n\r\nlogs.example.org.",
        environment="LANG=C\r\nEMPTY=",
        note="First try",
        **{
            "grant-variable": ["FORGE_TOKEN", "", ""],
            "grant-credential": [str(parts.token.pk), "", ""],
            "secret-variable": ["PAGER_KEY", ""],
            "secret-value": [SECRET, ""],
        },
    )

    response = client.post(url("create", mine), sent)

    agent = parts.stored()
    assert response["Location"] == url("detail", mine, agent)
    assert (agent.name, agent.state, agent.revision) == ("Merlin", "running", 1)
    assert agent.created_by_id == mine.user_id
    assert agent.tools == [
        {"name": "run_shell", "ask_first": True},
        {"name": "read_file", "ask_first": False},
    ]
    assert agent.network_hosts == ["api.example.com", "logs.example.org"]
    assert agent.environment == {"LANG": "C", "EMPTY": ""}
    assert agent.prompt_label == parts.label
    with in_scope(parts):
        assert agent.prompt_id == parts.label.prompt_id
        grant = agent.grants.get()
        assert (grant.credential_id, grant.variable) == (parts.token.pk, "FORGE_TOKEN")
        revision = agent.revisions.get()
        assert (revision.number, revision.note, revision.created_by_id) == (
            1,
            "First try",
            mine.user_id,
        )
        assert revision.configuration == configuration.of_agent(agent)
        assert revision.configuration["secrets"] == {"PAGER_KEY": 1}


@pytest.mark.parametrize(("value", "told"), [(SECRET, True), ("", False)])
def test_only_who_typed_a_secret_is_told_to_type_it_anew(client, mine, parts, value, told):
    sent = parts.form(name="", **{"secret-variable": ["", ""], "secret-value": [value, ""]})

    refused = client.post(url("create", mine), sent)

    assert refused.status_code == 422
    assert ("type those anew" in refused.text) is told


def test_a_secret_value_is_sealed_and_on_no_page(client, mine, parts):
    secret = {"secret-variable": ["PAGER_KEY"], "secret-value": [SECRET]}
    client.post(url("create", mine), parts.form(**secret))
    agent = parts.stored()

    with in_scope(parts):
        stored = agent.secrets.get()
        assert open_sealed(stored, "sealed", stored.sealed) == SECRET.encode()
        assert SECRET.encode() not in bytes(stored.sealed)
        assert SECRET not in repr(vars(stored)) + repr(agent.revisions.get().configuration)
    for name in ("detail", "configuration", "edit", "revision-list", "revision-diff"):
        shown = client.get(url(name, mine, agent)).text
        assert SECRET not in shown, name
    assert SECRET not in client.get(url("revision-detail", mine, agent, 1)).text
    refused = client.post(url("create", mine), parts.form(name="", **secret))
    assert refused.status_code == 422
    assert SECRET not in refused.text
    assert "PAGER_KEY" in refused.text


def test_create_of_a_command_drops_what_a_command_does_not_use(client, mine, parts):
    response = client.post(url("create", mine), parts.form(driver="command", command="make report"))

    agent = parts.stored()
    assert response.status_code == 302
    assert (agent.driver, agent.command) == ("command", "make report")
    assert (agent.model, agent.provider_credential, agent.prompt_id) == ("", None, None)
    assert (agent.prompt_label, agent.tools) == (None, [])


def test_what_a_driver_does_not_use_cannot_be_wrong(client, mine, parts):
    odd = {"driver": "command", "command": "true", "model": "x" * 500, "prompt_text": "nonsense"}

    response = client.post(url("create", mine), parts.form(**odd, provider_credential="nonsense"))

    assert response.status_code == 302
    assert parts.stored().model == ""


def test_create_of_a_model_drops_the_command(client, mine, parts):
    client.post(url("create", mine), parts.form(command="rm -rf /"))

    assert parts.stored().command == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"name": "a\0b"}, "Null characters are not allowed."),
        ({"project": ""}, "This field is required."),
        ({"driver": "docker"}, "Select a valid choice"),
        ({"model": ""}, "Say which model."),
        ({"provider_credential": ""}, "Choose the credential to call the model with."),
        ({"driver": "command"}, "Say what is to be run."),
        ({"wall_seconds": "4"}, "greater than or equal to 5"),
        ({"wall_seconds": "86401"}, "less than or equal to 86400"),
        ({"max_tokens": "9" * 30}, "less than or equal to"),
        ({"memory_mb": "-1"}, "greater than or equal to"),
        ({"disk_mb": "lots"}, "Enter a whole number."),
        ({"max_processes": ""}, "This field is required."),
        ({"network_allowed": "on"}, "Name the hosts that it may reach"),
        ({"network_allowed": "on", "network_hosts": "127.0.0.1"}, "is an address"),
        ({"network_allowed": "on", "network_hosts": "a.com\n" * 51}, "At most 50 hosts."),
        ({"network_allowed": "on", "network_hosts": "a\0.com"}, "Null characters"),
        ({"environment": "LD_PRELOAD=/tmp/x.so"}, "LD_PRELOAD is reserved"),
        ({"environment": "PATH=/tmp"}, "PATH is reserved"),
        ({"environment": "lang=C"}, "no variable name"),
        ({"environment": "LANG"}, "LANG has no value"),
        ({"environment": "A=1\nA=2"}, "A is there twice."),
        ({"environment": "A=" + "x" * 4001}, "at most 4,000 characters"),
        ({"environment": "\n".join(f"A{n}=1" for n in range(51))}, "At most 50 variables."),
        ({"environment": "A=\0"}, "Null characters"),
        ({"secret-variable": ["PATH"], "secret-value": ["x"]}, "PATH is reserved"),
        ({"secret-variable": [""], "secret-value": ["x"]}, "Say which variable"),
        ({"secret-variable": ["A"], "secret-value": [""]}, "Give A a value"),
        ({"secret-variable": ["A", "A"], "secret-value": ["1", "2"]}, "A is there twice."),
        ({"secret-variable": ["A"], "secret-value": ["x" * 10_001]}, "at most 10,000"),
        ({"grant-variable": ["A"], "grant-credential": [""]}, "Choose the credential that A"),
        ({"grant-variable": [""], "grant-credential": ["own"]}, "Say which variable holds Forge"),
        ({"grant-variable": ["PATH"], "grant-credential": ["own"]}, "PATH is reserved"),
        ({"grant-variable": ["A", "A"], "grant-credential": ["own", "own"]}, "A is there twice."),
        ({"grant-variable": ["A"], "grant-credential": ["\0"]}, "Null characters"),
        ({"grant-variable": ["A"], "grant-credential": ["1"]}, "Choose credentials of this"),
        (
            {"environment": "A=1", "secret-variable": ["A"], "secret-value": ["x"]},
            "A is a plain value and a secret value.",
        ),
        (
            {"environment": "A=1", "grant-variable": ["A"], "grant-credential": ["own"]},
            "A is a plain value and a granted credential.",
        ),
        (
            {
                "secret-variable": ["A"],
                "secret-value": ["x"],
                "grant-variable": ["A"],
                "grant-credential": ["own"],
            },
            "A is a secret value and a granted credential.",
        ),
        ({"prompt_text": "label:"}, "Choose a prompt of this workspace"),
        ({"prompt_text": "label:1"}, "Choose a prompt of this workspace"),
        ({"prompt_text": "version:\0"}, "Null characters"),
        ({"prompt_text": "nonsense"}, "Choose a prompt of this workspace"),
        ({"note": "x" * 201}, "at most 200 characters"),
    ],
)
def test_create_refuses_what_is_wrong_in_words_and_keeps_what_was_typed(
    client, mine, parts, changes, message
):
    own = {
        name: [str(parts.token.pk) if one == "own" else one for one in value]
        if isinstance(value, list)
        else value
        for name, value in changes.items()
    }

    response = client.post(url("create", mine), parts.form(description="Kept", **own))

    assert message in " ".join(errors(response))
    assert page(response).one("input", name="description")["value"] == "Kept"
    assert count(mine.workspace) == 0


def test_create_refuses_a_name_that_is_taken_here_but_not_elsewhere(client, mine, parts, foreign):
    AgentFactory(workspace=mine.workspace, name="merlin")
    AgentFactory(workspace=foreign.workspace, name="Kestrel")

    taken = client.post(url("create", mine), parts.form())
    free = client.post(url("create", mine), parts.form(name="Kestrel"))

    assert "This workspace already has an agent of that name." in errors(taken)
    assert free.status_code == 302


# Whose things the form offers and accepts (vectors 3, 8, 13 and 16)


def test_the_form_offers_this_workspaces_things_only(client, mine, parts, foreign):
    shown = client.get(url("create", mine))

    assert offered(shown, "project") == [str(parts.project.pk)]
    assert offered(shown, "provider_credential") == [str(parts.provider.pk)]
    assert offered(shown, "prompt_text") == [
        f"label:{parts.label.pk}",
        f"version:{parts.version.pk}",
    ]
    granted = page(shown).all("select", name="grant-credential")[0].all("option")
    assert {o["value"] for o in granted} == {"", str(parts.provider.pk), str(parts.token.pk)}
    for thing in (foreign.project, foreign.provider, foreign.token, foreign.label, foreign.version):
        assert str(thing.pk) not in shown.text


def test_a_form_made_in_one_workspace_offers_the_next_ones_things(db, parts, foreign):
    """Vector 8: nothing of a form's class or of one form stays with another workspace."""
    for side, other in ((parts, foreign), (foreign, parts)):
        with in_scope(side):
            shown = AgentForm().as_p() + str(AgentForm().grant_rows())
            names = str(AgentForm().credentials)
        assert str(side.project.pk) in shown
        assert str(other.project.pk) not in shown
        assert str(side.label.pk) in shown
        assert str(other.label.pk) not in shown
        assert len(names.split(",")) == 2


@pytest.mark.parametrize("name", ["project", "provider_credential", "label", "version", "granted"])
@pytest.mark.parametrize("page_name", ["create", "edit"])
def test_a_foreign_thing_is_refused_as_an_absent_one(client, mine, parts, foreign, name, page_name):
    """Vector 3: a key set to a row of another workspace."""
    client.post(url("create", mine), parts.form())
    agent = parts.stored()
    before = configuration_of(parts, agent)
    address = url("create", mine) if page_name == "create" else url("edit", mine, agent)
    answers = []
    for pk in (
        {
            "project": foreign.project,
            "provider_credential": foreign.provider,
            "label": foreign.label,
            "version": foreign.version,
            "granted": foreign.token,
        }[name].pk,
        uuid4(),
    ):
        sent = {
            "project": {"project": str(pk)},
            "provider_credential": {"provider_credential": str(pk)},
            "label": {"prompt_text": f"label:{pk}"},
            "version": {"prompt_text": f"version:{pk}"},
            "granted": {"grant-variable": ["A"], "grant-credential": [str(pk)]},
        }[name]
        response = client.post(address, parts.form(name="Heron", revision="1", **sent))
        answers.append(errors(response))

    assert answers[0] == answers[1] != []
    assert configuration_of(parts, parts.stored()) == before


def configuration_of(parts, agent):
    with in_scope(parts):
        return configuration.of_agent(agent)


@pytest.mark.parametrize(
    "sent",
    [
        {"workspace": "foreign"},
        {"workspace_id": "foreign"},
        {"id": "foreign"},
        {"created_by": "foreign"},
        {"state": "archived"},
        {"agent": "foreign"},
    ],
)
def test_the_form_takes_no_more_than_its_fields(client, mine, parts, foreign, sent):
    """Vector 16: neither a workspace nor a state comes from a request."""
    sent = {k: str(foreign.workspace.pk) if v == "foreign" else v for k, v in sent.items()}

    response = client.post(url("create", mine), parts.form(**sent))

    agent = parts.stored()
    assert response.status_code == 302
    assert (agent.workspace_id, agent.created_by_id) == (mine.workspace_id, mine.user_id)
    assert agent.state == "running"
    assert agent.pk != foreign.workspace.pk
    assert count(foreign.workspace) == 0


@pytest.mark.parametrize("kind", ["git", "token", "password", "file"])
def test_only_a_model_providers_credential_calls_a_model(client, mine, parts, kind):
    other = CredentialFactory(workspace=mine.workspace, kind=kind)

    response = client.post(url("create", mine), parts.form(provider_credential=str(other.pk)))

    assert "Choose a model provider's credential" in " ".join(errors(response))


def test_a_revoked_credential_is_neither_offered_nor_accepted(client, mine, parts):
    revoked = CredentialFactory(
        workspace=mine.workspace, kind="openai", revoked_at=timezone.now(), name="Gone"
    )

    assert str(revoked.pk) not in client.get(url("create", mine)).text
    as_provider = parts.form(provider_credential=str(revoked.pk))
    granted = parts.form(**{"grant-variable": ["A"], "grant-credential": [str(revoked.pk)]})
    assert errors(client.post(url("create", mine), as_provider))
    assert errors(client.post(url("create", mine), granted))


def test_archived_projects_and_prompts_are_not_offered(client, mine, parts):
    project = ProjectFactory(workspace=mine.workspace, archived_at=timezone.now())
    prompt = PromptFactory(workspace=mine.workspace, archived_at=timezone.now())
    version = PromptVersionFactory(workspace=mine.workspace, prompt=prompt)
    label = PromptLabelFactory(workspace=mine.workspace, version=version)

    shown = client.get(url("create", mine)).text

    assert not any(str(one.pk) in shown for one in (project, version, label))
    assert errors(client.post(url("create", mine), parts.form(project=str(project.pk))))
    for text in (f"version:{version.pk}", f"label:{label.pk}"):
        refused = errors(client.post(url("create", mine), parts.form(prompt_text=text)))
        assert f"The prompt {prompt.name} is archived." in refused


def test_without_an_active_project_the_form_says_so_and_leads_to_a_new_one(client, mine, foreign):
    def links():
        shown = page(client.get(url("create", mine)))
        return [a["href"] for a in shown.one("form", class_="agent-form").all("a")]

    new_project = reverse("fleet:project-create", args=[mine.workspace.slug])
    ProjectFactory(workspace=mine.workspace, archived_at=timezone.now())

    assert new_project in links()
    refused = client.post(url("create", mine), {"name": "Merlin"})
    assert refused.status_code == 422
    assert new_project in refused.text

    ProjectFactory(workspace=mine.workspace)
    assert new_project not in links()


def test_an_old_version_stays_chosen_when_newer_ones_push_it_off_the_list(client, mine, parts):
    client.post(url("create", mine), parts.form(prompt_text=f"version:{parts.version.pk}"))
    for number in range(2, 14):
        PromptVersionFactory(workspace=mine.workspace, prompt=parts.label.prompt, number=number)

    shown = page(client.get(url("edit", mine, parts.stored())))

    chosen = shown.one("select", name="prompt_text").all("option", selected="")
    assert [o["value"] for o in chosen] == [f"version:{parts.version.pk}"]
    assert parts.stored().prompt_version_id == parts.version.pk


# From plain data, as the API sends it


def test_the_form_takes_plain_data(db, parts):
    with in_scope(parts):
        form = AgentForm(
            {
                "name": "Merlin",
                "project": parts.project.pk,
                "driver": "llm",
                "model": "m",
                "provider_credential": str(parts.provider.pk),
                "prompt_text": f"version:{parts.version.pk}",
                "tools": [{"name": "run_python", "ask_first": True}],
                "wall_seconds": 60,
                "max_iterations": 5,
                "max_tokens": 5000,
                "max_cost_cents": 250,
                "max_attempts": 3,
                "memory_mb": 256,
                "max_processes": 8,
                "disk_mb": 64,
                "network_allowed": True,
                "network_hosts": ["api.example.com"],
                "grants": [{"credential": str(parts.token.pk), "variable": "FORGE_TOKEN"}],
                "environment": {"LANG": "C"},
                "secrets": {"PAGER_KEY": SECRET},
            }
        )
        assert form.is_valid(), form.errors
        setup = form.setup()

    assert setup.fields["tools"] == [{"name": "run_python", "ask_first": True}]
    assert setup.fields["network_hosts"] == ["api.example.com"]
    assert setup.grants == [(parts.token, "FORGE_TOKEN")]
    assert setup.secrets == {"PAGER_KEY": SECRET}
    assert SECRET not in repr(setup)


@pytest.mark.parametrize("name", ["tools", "grants", "secrets", "environment", "network_hosts"])
@pytest.mark.parametrize(
    "value",
    [
        [1],
        ["\ud800"],
        [None],
        [[]],
        [{"x": 1}],
        [{"name": []}],
        [{"name": "sudo", "ask_first": True}],
        [{"name": "run_shell", "ask_first": "yes"}],
        [{"credential": 1, "variable": []}],
        [{"credential": "1" * 5000, "variable": "A"}],
        [{"variable": "A", "value": 1}],
        {"A": 1},
        {"A": {"B": "C"}},
        {"A\ud800": "x"},
        {"A": "\ud800"},
        {1: 2},
        {"A": "two\nlines"},
    ],
    ids=repr,
)
def test_plain_data_of_any_shape_is_refused_at_its_field(db, parts, name, value):
    with in_scope(parts):
        form = AgentForm({name: value})
        if name == "secrets" and value == {"A": "two\nlines"}:
            return  # a secret may have more lines than one

        assert not form.is_valid()
        assert name in form.errors or (name == "network_hosts" and not isinstance(value, list))


def test_a_document_as_plain_data_says_the_same_again(client, mine, parts):
    sent = parts.form(
        network_allowed="on",
        network_hosts="a.example.com",
        environment="LANG=C",
        **{
            "grant-variable": ["FORGE_TOKEN"],
            "grant-credential": [str(parts.token.pk)],
            "secret-variable": ["PAGER_KEY"],
            "secret-value": [SECRET],
        },
    )
    client.post(url("create", mine), sent)
    agent = parts.stored()
    with in_scope(parts):
        document = configuration.of_agent(agent)
        form = AgentForm(plain_data(document), instance=agent)
        assert form.is_valid(), form.errors
        setup = form.setup()
        again = configuration.document(setup.fields, setup.grants, {"PAGER_KEY": 1})

    assert again == document
    assert setup.secrets == {"PAGER_KEY": None}


# Editing


@pytest.fixture
def merlin(client, mine, parts):
    secret = {"secret-variable": ["PAGER_KEY"], "secret-value": [SECRET]}
    client.post(url("create", mine), parts.form(environment="LANG=C", **secret))
    return parts.stored()


KEPT = {"environment": "LANG=C", "secret-variable": ["PAGER_KEY"], "secret-value": [""]}


def test_edit_makes_the_next_revision(client, mine, parts, merlin):
    sent = parts.form(revision="1", model="claude-opus-4-1", note="Better", **KEPT)

    response = client.post(url("edit", mine, merlin), sent)

    assert response["Location"] == url("detail", mine, merlin)
    stored = parts.stored()
    assert (stored.model, stored.revision) == ("claude-opus-4-1", 2)
    with in_scope(parts):
        numbers = list(stored.revisions.order_by("number").values_list("number", "note"))
        models = [r.configuration["model"] for r in stored.revisions.order_by("number")]
    assert numbers == [(1, ""), (2, "Better")]
    assert models == ["claude-sonnet-4-5", "claude-opus-4-1"]


def test_edit_that_changes_nothing_makes_no_revision(client, mine, parts, merlin):
    response = client.post(url("edit", mine, merlin), parts.form(revision="1", **KEPT))

    assert response.status_code == 302
    assert parts.stored().revision == 1


def test_an_empty_value_keeps_the_secret_and_a_new_one_replaces_it(client, mine, parts, merlin):
    client.post(url("edit", mine, merlin), parts.form(revision="1", name="Heron", **KEPT))
    with in_scope(parts):
        kept = AgentSecret.objects.get()
        assert open_sealed(kept, "sealed", kept.sealed) == SECRET.encode()
    replaced = KEPT | {"secret-value": ["another secret value"]}

    client.post(url("edit", mine, merlin), parts.form(revision="2", name="Heron", **replaced))

    with in_scope(parts):
        secret = AgentSecret.objects.get()
        assert open_sealed(secret, "sealed", secret.sealed) == b"another secret value"
        assert secret.set_in == 3
        revision = merlin.revisions.get(number=3)
    assert revision.configuration["secrets"] == {"PAGER_KEY": 3}


def test_a_ticked_secret_is_removed(client, mine, parts, merlin):
    removed = KEPT | {"secret-remove": ["PAGER_KEY"]}

    client.post(url("edit", mine, merlin), parts.form(revision="1", **removed))

    with in_scope(parts):
        assert not AgentSecret.objects.exists()
        assert merlin.revisions.get(number=2).configuration["secrets"] == {}


def test_a_refused_edit_keeps_the_name_in_the_heading(client, mine, parts, merlin):
    response = client.post(url("edit", mine, merlin), parts.form(name="", revision="1", **KEPT))

    assert response.status_code == 422
    assert page(response).one("h1").text == "Configure Merlin"
    assert parts.stored().name == "Merlin"


@pytest.mark.parametrize("revision", ["1", "", "nonsense", "9" * 40, "-1", "\0", "²"])
def test_a_stale_edit_is_answered_with_both_and_stores_nothing(
    client, mine, parts, merlin, revision
):
    client.post(url("edit", mine, merlin), parts.form(revision="1", model="theirs", **KEPT))

    response = client.post(
        url("edit", mine, merlin), parts.form(revision=revision, model="ours", **KEPT)
    )

    assert response.status_code == 409
    row = page(response).one("table", class_="differences").one("tbody").one("tr")
    assert [cell.text for cell in row.all("td")] == ["theirs", "ours"]
    assert "Saving makes revision 3." in page(response).one("form", class_="agent-form").text
    assert "revision 2" not in page(response).one("main").text
    assert page(response).one("input", name="model")["value"] == "ours"
    assert page(response).one("input", name="revision")["value"] == "2"
    assert (parts.stored().model, parts.stored().revision) == ("theirs", 2)
    again = client.post(url("edit", mine, merlin), parts.form(revision="2", model="ours", **KEPT))
    assert again.status_code == 302
    assert (parts.stored().model, parts.stored().revision) == ("ours", 3)


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_archived_agent_is_read_only(client, mine, parts, merlin, method):
    client.post(url("archive", mine, merlin))

    response = getattr(client, method)(
        url("edit", mine, merlin), parts.form(revision="1", name="Heron")
    )

    assert response.status_code == 409
    assert "Merlin is archived: restore it before changing it." in response.text
    assert parts.stored().name == "Merlin"
    assert client.get(url("detail", mine, merlin)).status_code == 200


# From another agent


def test_a_copy_starts_from_the_configuration_without_secret_values(client, mine, parts, merlin):
    shown = page(client.get(url("create", mine, query=f"?copy={merlin.pk}")))

    assert shown.one("input", name="name")["value"] == "Merlin (copy)"
    assert shown.one("input", name="model")["value"] == "claude-sonnet-4-5"
    assert shown.one("textarea", name="environment").text == "LANG=C"
    variables = [i["value"] for i in shown.all("input", name="secret-variable")]
    assert variables[0] == "PAGER_KEY"
    assert all(i.get("value") == "" for i in shown.all("input", name="secret-value"))
    assert shown.one("select", id="tool-run_shell").one("option", selected="")["value"] == "ask"


@pytest.mark.parametrize("name", ["copy", "template"])
def test_a_copy_of_a_foreign_or_absent_thing_is_not_found(client, mine, parts, name):
    theirs = AgentFactory(name="Kestrel")

    for pk in (theirs.pk, uuid4(), "1", "x\0"):
        response = client.get(url("create", mine, query=f"?{name}={pk}"))
        assert response.status_code == 404
        assert "Kestrel" not in response.text


def test_a_copy_says_what_is_gone(client, mine, parts, merlin):
    with in_scope(parts):
        type(parts.provider).objects.update(revoked_at=timezone.now())

    response = client.get(url("create", mine, query=f"?copy={merlin.pk}"))

    assert "The credential “Claude” has been revoked." in response.text


# Speed


def test_the_form_takes_as_many_statements_for_few_things_as_for_many(client, mine, parts, merlin):
    counts = []
    client.get(url("edit", mine, merlin))
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url("edit", mine, merlin)).status_code == 200
        counts.append(len(statements(queries)))
        for number in range(10):
            AgentSecretFactory(workspace=mine.workspace, agent=merlin)
            ProjectFactory(workspace=mine.workspace)
            CredentialFactory(workspace=mine.workspace, kind="openai")
            PromptLabelFactory(workspace=mine.workspace, name=f"label-{number}")

    assert counts[0] == counts[1] <= MOST_STATEMENTS
