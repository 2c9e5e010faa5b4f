"""The admin site: platform staff reach workspaces and people, and nothing that is inside one."""

import re

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.utils import ProgrammingError
from django.test import Client

from agenhood.fleet.models import Project
from tests.factories import UserFactory
from tests.isolation.models_app.models import Note
from tests.isolation.sides import Sides
from tests.isolation.sql import rows, run
from workspaces.admin import platform_site
from workspaces.models import Membership, Workspace, WorkspaceOwned
from workspaces.scope import NoActiveWorkspace, platform_scope


@pytest.fixture
def staff(client: Client, sides: Sides) -> Client:
    client.force_login(UserFactory(email="staff@platform.test", is_staff=True))
    return client


def crawl(client: Client, start: str) -> dict[str, str]:
    """Return every page of the admin site that links lead to, by its path."""
    pages: dict[str, str] = {}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in pages:
            continue
        response = client.get(path)
        assert response.status_code in (200, 302), (path, response.status_code)
        pages[path] = response.text
        links = re.findall(r'href="([^"#]+)"', response.text)
        # Without their queries: sorting and filtering make ever new ones of the same pages.
        paths = [link.partition("?")[0] for link in links]
        waiting += [path for path in paths if path.startswith("/admin/")]
    return pages


def test_no_page_of_the_admin_site_shows_what_a_workspace_owns(sides: Sides, staff: Client) -> None:
    """Vectors 40, 41: every page that a link leads to, with data that could show."""
    for side in (sides.acme, sides.globex):
        with side.scope:
            Project.objects.create(name="Kestrel inside")

    pages = crawl(staff, "/admin/")

    assert len(pages) > 12
    assert any("Change workspace" in page for page in pages.values())
    assert not [path for path, page in pages.items() if "Kestrel inside" in page]


def test_only_control_models_are_registered() -> None:
    """Vector 40: so that no autocomplete, popup, filter or preview can lead to others."""
    registered = set(platform_site._registry)

    assert {model.__name__ for model in registered} == {"Workspace", "User"}
    assert not [model for model in registered if issubclass(model, WorkspaceOwned)]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/r/{content_type}/{project}/",
        "/admin/fleet/project/",
        "/admin/fleet/project/{project}/change/",
        "/admin/autocomplete/?app_label=isolation_models&model_name=note&field_name=project&term=",
        "/admin/auth/group/",
        "/admin/account/emailaddress/",
        "/admin/usersessions/usersession/",
    ],
)
def test_the_admin_site_has_no_way_to_what_is_inside(
    sides: Sides, staff: Client, path: str
) -> None:
    """Vector 40."""
    content_type = ContentType.objects.get_for_model(Project).pk
    response = staff.get(path.format(content_type=content_type, project=sides.acme.project.pk))

    assert response.status_code in (403, 404)


@pytest.mark.parametrize(
    "lookup",
    ["memberships__user__password__startswith=a", "projects__name=acme", "note__text=acme"],
)
def test_the_admin_sites_lists_take_no_lookup_from_the_address(staff: Client, lookup: str) -> None:
    """Vectors 13, 40."""
    response = staff.get(f"/admin/workspaces/workspace/?{lookup}")

    assert response.status_code in (302, 400)


def test_staff_are_no_members(sides: Sides, staff: Client) -> None:
    """Vector 41: to a workspace's pages they are strangers."""
    assert staff.get("/w/acme/").status_code == 404
    assert "acme" not in staff.get("/workspaces/").text


@pytest.mark.parametrize("who", ["member", "anonymous"])
def test_nobody_else_sees_the_admin_site(sides: Sides, client: Client, who: str) -> None:
    """Vector 40: to a member it does not exist; a stranger is asked to sign in."""
    if who == "member":
        client.force_login(sides.acme.member.user)

    answers = {client.get(path).status_code for path in ("/admin/", "/admin/accounts/user/")}

    assert answers == ({404} if who == "member" else {302})


OWNED = ["fleet_project", "isolation_models_note", "isolation_models_folder"]
ATTEMPTS = [
    "SELECT * FROM {table}",
    "SELECT count(*) FROM {table}",
    "UPDATE {table} SET workspace_id = workspace_id",
    "DELETE FROM {table}",
    "INSERT INTO {table} DEFAULT VALUES",
    "TRUNCATE {table}",
    "COPY {table} TO STDOUT",
    "SELECT * FROM workspaces_workspace JOIN {table} ON workspace_id = workspaces_workspace.id",
]


@pytest.mark.parametrize("table", OWNED)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_database_refuses_the_platform_what_is_inside(
    sides: Sides, table: str, attempt: str
) -> None:
    """Vector 41: by raw SQL, with a workspace's setting too, which row security would obey."""
    with platform_scope("test"):
        rows("SELECT set_config('agenhood.workspace_id', %s, true)", [str(sides.acme.workspace.pk)])
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            run(attempt.format(table=table))


def test_the_platform_reaches_nothing_inside_by_the_orm(sides: Sides) -> None:
    """Vector 41."""
    with platform_scope("test"):
        assert Workspace.objects.count() == 2
        assert Membership.objects.count() == 4
        for model in (Project, Note):
            with pytest.raises(NoActiveWorkspace):
                model.objects.count()
        with pytest.raises(NoActiveWorkspace):
            Project.objects.filter(workspace__in=Workspace.objects.all()).exists()
