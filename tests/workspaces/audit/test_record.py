import pytest

from tests.factories import ProjectFactory, WorkspaceFactory
from workspaces.audit import record
from workspaces.audit.models import AuditEntry, AuditHead
from workspaces.scope import platform_scope, workspace_scope


@pytest.fixture
def workspace(db):
    return WorkspaceFactory()


def test_first(workspace):
    project = ProjectFactory(workspace=workspace)
    with workspace_scope(workspace.pk):
        record("project.rename", project, changes={"name": ("a", "b")})
        record("project.rename", project, changes={"name": ("b", "c")})
    with platform_scope("x"):
        record("workspace.suspend", workspace)
    with workspace_scope(workspace.pk):
        rows = list(AuditEntry.objects.order_by("number"))
        assert [r.number for r in rows] == [1, 2, 3]
        assert rows[1].previous_hash == rows[0].hash
        assert AuditHead.objects.get().hash == rows[2].hash
