import pytest

from agenhood.fleet.models import CredentialGrant
from tests.factories import AgentFactory, CredentialFactory, ProjectFactory, WorkspaceFactory
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def acme(db):
    return WorkspaceFactory(slug="acme", name="Acme")


def setup_of(project, credential):
    return {
        "name": "counter",
        "project": str(project.pk),
        "driver": "command",
        "command": "true",
        "grants": [{"credential": str(credential.pk), "variable": "KEY"}],
    }


def test_a_credential_of_the_workspace_is_granted_and_one_of_another_is_not(acme, program):
    ann, project = program(acme), ProjectFactory(workspace=acme)
    own, foreign = CredentialFactory(workspace=acme), CredentialFactory()

    refused = ann.post("/agents", setup_of(project, foreign))
    made = ann.post("/agents", setup_of(project, own))

    assert refused.status_code == 422
    assert "grants" in refused.json()["errors"]
    assert made.status_code == 201
    with workspace_scope(acme.pk):
        assert CredentialGrant.objects.get().credential_id == own.pk


def test_what_is_not_sent_stays_as_it_is(acme, program):
    ann, project = program(acme), ProjectFactory(workspace=acme)
    made = ann.post("/agents", setup_of(project, CredentialFactory(workspace=acme))).json()

    changed = ann.patch(f"/agents/{made['id']}", {"memory_mb": 128}).json()

    assert changed["revision"] == 2
    assert changed["configuration"] == made["configuration"] | {"memory_mb": 128}


def test_a_change_of_an_older_revision_is_a_conflict(acme, program):
    ann, project = program(acme), ProjectFactory(workspace=acme)
    made = ann.post("/agents", setup_of(project, CredentialFactory(workspace=acme))).json()
    ann.patch(f"/agents/{made['id']}", {"memory_mb": 128})

    answer = ann.patch(f"/agents/{made['id']}", {"memory_mb": 256, "revision": 1})

    assert answer.status_code == 409
    assert ann.get(f"/agents/{made['id']}").json()["revision"] == 2


def test_a_viewer_reads_no_credentials_name(acme, program):
    project, key = ProjectFactory(workspace=acme), CredentialFactory(workspace=acme, name="Hush")
    program(acme).post("/agents", setup_of(project, key))
    viewer = program(acme, Role.VIEWER)
    agent = viewer.get("/agents").json()["items"][0]

    for path in (f"/agents/{agent['id']}", f"/agents/{agent['id']}/revisions"):
        assert "Hush" not in viewer.get(path).text
    assert viewer.get("/credentials").status_code == 403


def test_an_operator_reads_of_a_credential_what_is_no_part_of_it(acme, program):
    body = {"name": "Mail", "kind": "password", "fields": {"user": "bob-at-the-door"}}
    body["secret"] = {"password": "swordfish-of-the-door-0007"}
    owner = program(acme)
    assert owner.post("/credentials", body).json()["last_four"] == "0007"

    answer = program(acme, Role.OPERATOR).get("/credentials")

    assert answer.json()["items"][0]["name"] == "Mail"
    assert "bob" not in answer.text
    assert "0007" not in answer.text


def test_archived_agents_are_listed_when_asked_for(acme, program):
    agent = AgentFactory(workspace=acme)
    ann = program(acme)
    ann.post(f"/agents/{agent.pk}/archive")

    assert ann.get("/agents").json()["items"] == []
    assert len(ann.get("/agents?state=archived").json()["items"]) == 1
