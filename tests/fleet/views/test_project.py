from django.urls import reverse

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory
from workspaces.roles import Role
from workspaces.scope import workspace_scope


def test_project_list_shows_projects_of_its_own_workspace_only(client, db):
    mine = MembershipFactory(role=Role.VIEWER)
    ProjectFactory(workspace=mine.workspace, name="Harrier")
    ProjectFactory(name="Kestrel")
    client.force_login(mine.user)

    response = client.get(reverse("fleet:project-list", args=[mine.workspace.slug]))

    assert response.status_code == 200
    assert "Harrier" in response.text
    assert "Kestrel" not in response.text


def test_project_rename_hides_projects_of_other_workspaces(client, db):
    mine = MembershipFactory(role=Role.ADMIN)
    theirs = ProjectFactory(name="Harrier")
    client.force_login(mine.user)
    url = reverse("fleet:project-rename", args=[mine.workspace.slug, theirs.pk])

    response = client.post(url, {"name": "Kite"})

    assert response.status_code == 404
    with workspace_scope(theirs.workspace_id):
        assert Project.objects.get(pk=theirs.pk).name == "Harrier"
