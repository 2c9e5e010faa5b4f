import pytest

from tests.factories import AgentFactory, WorkspaceFactory
from workspaces.audit.models import AuditEntry
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def acme(db):
    return WorkspaceFactory(slug="acme", name="Acme")


def last_entry(workspace):
    with workspace_scope(workspace.pk):
        return AuditEntry.objects.order_by("-number").first()


def test_a_refused_operation_is_on_the_audit_trail(acme, program):
    agent = AgentFactory(workspace=acme)

    answer = program(acme, Role.VIEWER).post(f"/agents/{agent.pk}/pause")

    assert answer.status_code == 403
    assert answer.json()["detail"] == "This token needs agent.edit."
    entry = last_entry(acme)
    assert (entry.action, entry.outcome) == ("agent.pause", "denied")
    assert (entry.target_kind, entry.target_id) == ("agent", str(agent.pk))
    assert (entry.actor_kind, entry.reason) == ("token", "This token needs agent.edit.")


def test_a_refused_list_is_on_the_audit_trail(acme, program):
    assert program(acme, Role.AUDITOR).get("/agents").status_code == 403

    assert last_entry(acme).action == "agent.list"


def test_a_token_may_no_more_than_its_scopes(acme, program):
    reader = program(acme, Role.OWNER, scopes=["project.view"])

    assert reader.get("/projects").status_code == 200
    assert reader.post("/projects", {"name": "Birds"}).status_code == 403
    assert reader.get("/agents").status_code == 403
