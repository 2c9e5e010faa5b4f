"""What a request can be talked into: acting elsewhere than its address says, telling strangers."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory, UserFactory
from tests.isolation.sides import Sides
from workspaces import recents
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


@pytest.fixture
def both(sides: Sides) -> User:
    """A person who belongs to both workspaces, as operator."""
    user = UserFactory()
    for side in (sides.acme, sides.globex):
        MembershipFactory(workspace=side.workspace, user=user, role=Role.OPERATOR)
    return user


@pytest.fixture
def signed_in(client: Client, both: User) -> Client:
    client.force_login(both)
    return client


def names(workspace: Workspace) -> set[str]:
    with workspace_scope(workspace.pk):
        return set(Project.objects.values_list("name", flat=True))


def test_two_tabs_each_act_where_their_address_says(sides: Sides, signed_in: Client) -> None:
    """Vector 18: the session's active workspace is the other tab's, and decides nothing."""
    signed_in.get("/w/acme/projects/")
    signed_in.get("/w/globex/projects/")
    assert recents.active_id(signed_in.session) == str(sides.globex.workspace.pk)

    signed_in.post("/w/acme/projects/new/", {"name": "From the first tab"})

    assert names(sides.acme.workspace) == {"acme", "From the first tab"}
    assert names(sides.globex.workspace) == {"globex"}


def test_a_page_of_one_workspace_cannot_act_on_a_row_of_the_other(
    sides: Sides, signed_in: Client
) -> None:
    """Vectors 17, 18: though the person may change both."""
    project = sides.globex.project

    for action in ("rename", "archive", "restore", "delete"):
        response = signed_in.post(f"/w/acme/projects/{project.pk}/{action}/", {"name": "taken"})
        assert response.status_code == 404
    member = signed_in.post(f"/w/acme/members/{sides.globex.member.pk}/remove/")

    assert (
        member.status_code == 403
    )  # an operator; an owner gets 404: tests/isolation/test_url_table
    with sides.globex.scope:
        kept = Project.objects.get()
        assert (kept.name, kept.archived_at) == ("globex", None)


@pytest.mark.parametrize("field", ["workspace", "workspace_id", "slug", "active_workspace"])
def test_nothing_in_a_form_or_query_names_the_workspace(
    sides: Sides, signed_in: Client, field: str
) -> None:
    """Vectors 13, 16."""
    for value in (str(sides.globex.workspace.pk), "globex"):
        signed_in.post(
            f"/w/acme/projects/new/?{field}={value}", {"name": f"my {value}", field: value}
        )
        page = signed_in.get("/w/acme/projects/", {field: value, "q": ""})
        assert ">globex<" not in page.text.replace(" ", "")

    assert names(sides.globex.workspace) == {"globex"}


@pytest.mark.parametrize("header", ["X-Workspace", "X-Forwarded-Host", "X-Original-URL", "Referer"])
def test_no_header_names_the_workspace(sides: Sides, signed_in: Client, header: str) -> None:
    """Vector 18."""
    page = signed_in.get("/w/acme/projects/", headers={header: "/w/globex/projects/"})

    assert page.context["request"].workspace == sides.acme.workspace


def test_a_removed_member_is_out_at_the_next_request(sides: Sides, signed_in: Client) -> None:
    """Vector 19."""
    assert signed_in.get("/w/acme/projects/").status_code == 200
    with platform_scope("test"):
        Membership.objects.filter(workspace=sides.acme.workspace, role=Role.OPERATOR).delete()

    assert signed_in.get("/w/acme/projects/").status_code == 404
    assert signed_in.post("/w/acme/projects/new/", {"name": "late"}).status_code == 404
    assert "acme" not in signed_in.get("/workspaces/").text
    assert names(sides.acme.workspace) == {"acme"}


def test_a_demoted_member_loses_the_right_at_the_next_request(
    sides: Sides, signed_in: Client
) -> None:
    """Vector 19."""
    assert signed_in.get("/w/acme/projects/new/").status_code == 200
    with platform_scope("test"):
        Membership.objects.filter(workspace=sides.acme.workspace, role=Role.OPERATOR).update(
            role=Role.VIEWER
        )

    assert signed_in.post("/w/acme/projects/new/", {"name": "late"}).status_code == 403
    assert signed_in.post("/w/globex/projects/new/", {"name": "there"}).status_code == 302
    assert names(sides.acme.workspace) == {"acme"}


def test_a_closed_account_is_out_at_the_next_request(
    sides: Sides, signed_in: Client, both: User
) -> None:
    """Vector 19."""
    with platform_scope("test"):
        both.is_active = False
        both.save(update_fields=["is_active"])

    response = signed_in.get("/w/acme/projects/")

    assert (response.status_code, response.url.partition("?")[0]) == (302, "/sign-in/")


ABSENT = "01900000-0000-7000-8000-000000000000"


def body(client: Client, path: str) -> tuple[int, str]:
    response = client.get(path)
    text = response.text.replace(response["X-Request-ID"], "")
    return response.status_code, re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)


def test_a_foreign_id_and_an_absent_one_get_the_same_answer(
    sides: Sides, signed_in: Client
) -> None:
    """Vector 20."""
    foreign = body(signed_in, f"/w/acme/projects/{sides.globex.project.pk}/")
    absent = body(signed_in, f"/w/acme/projects/{ABSENT}/")

    assert foreign == absent
    assert foreign[0] == 404


@pytest.mark.parametrize("page", ["", "projects/", "members/", "no/such/page/"])
def test_a_foreign_workspace_and_an_absent_one_get_the_same_answer(
    sides: Sides, client: Client, page: str
) -> None:
    """Vector 20: and so does a page that neither has."""
    stranger = MembershipFactory().user
    client.force_login(stranger)

    foreign, absent = body(client, f"/w/acme/{page}"), body(client, f"/w/nobody/{page}")

    assert foreign == absent
    assert foreign[0] == 404
    assert "acme" not in foreign[1].lower()


# The names of savepoints, and the time of day.
VARYING = re.compile(r"s\d+_x\d+|'[\d-]{10} [^']*'")


def test_the_same_work_is_done_for_a_foreign_workspace_as_for_none(
    sides: Sides, client: Client
) -> None:
    """Vector 20: a stranger cannot tell them apart by what it costs."""
    client.force_login(MembershipFactory().user)
    work = []
    for slug in ("acme", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/w/{slug}/projects/")
        statements = [query["sql"].replace(slug, "") for query in queries.captured_queries]
        work.append(
            [re.sub(r"s\d+_x\d+|'[\d-]{10} [^']*'", "", statement) for statement in statements]
        )

    assert work[0] == work[1]
    assert any("workspaces.enter" in statement for statement in work[0])


@pytest.mark.parametrize(
    "slug",
    [
        "..",
        "%2e%2e",
        "ACME",
        "acme%00",
        "acme%20",
        "acme'--",
        "a" * 300,
        "%E2%80%AE",
        "acme;globex",
    ],
)
def test_a_strange_slug_is_not_found(sides: Sides, signed_in: Client, slug: str) -> None:
    """Vector 25: whatever is in it."""
    assert signed_in.get(f"/w/{slug}/projects/").status_code == 404


@pytest.mark.parametrize("object_id", ["1", "0", "-1", "x", "%00", ABSENT.replace("-", "")])
def test_a_strange_id_is_not_found(sides: Sides, signed_in: Client, object_id: str) -> None:
    """Vectors 25, 30: ids are UUIDs, and nothing else is one."""
    assert signed_in.get(f"/w/acme/projects/{object_id}/").status_code == 404


def test_ids_tell_no_count(sides: Sides) -> None:
    """Vector 30: two projects in a row are not a number apart."""
    with sides.acme.scope:
        first, second = Project.objects.create(name="one"), Project.objects.create(name="two")

    assert first.pk.version == second.pk.version == 7
    assert abs(first.pk.int - second.pk.int) > 1000


@pytest.mark.parametrize(
    "target", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(db: None, client: Client, target: str) -> None:
    """Vector 25."""
    UserFactory(email="ann@example.test", password="a long password 1")

    response = client.post(
        "/sign-in/",
        {"login": "ann@example.test", "password": "a long password 1", "next": target},
    )

    assert (response.status_code, response.url) == (302, "/")


def test_a_project_of_one_workspace_is_found_by_no_search_of_the_other(
    sides: Sides, signed_in: Client
) -> None:
    """Vector 32."""
    ProjectFactory(workspace=sides.globex.workspace, name="Kestrel")

    found = signed_in.get("/w/acme/projects/", {"q": "Kestrel"})
    paged = signed_in.get("/w/acme/projects/", {"after": "K"})
    home = signed_in.get("/w/acme/")

    for page in (found, paged, home):
        assert "Kestrel" not in page.text.replace('value="Kestrel"', "").replace("“Kestrel”", "")
