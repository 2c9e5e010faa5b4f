import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import MembershipFactory, ProjectFactory
from tests.pages import page
from workspaces.provisioning import suspend
from workspaces.roles import Role


@pytest.fixture
def enter(client, db):
    """Sign somebody in with a role, beside a workspace with more projects and members."""
    for _ in range(4):
        other = ProjectFactory(name="Kestrel").workspace
        MembershipFactory(workspace=other)

    def with_role(role):
        membership = MembershipFactory(role=role)
        client.force_login(membership.user)
        return membership

    return with_role


def get(client, membership):
    response = client.get(reverse("workspaces:home", args=[membership.workspace.slug]))
    assert response.status_code == 200
    return response


def tiles(response):
    return {
        tile.one("span").text: (tile.one("strong").text, tile.get("href"))
        for tile in page(response).all(class_="tile")
    }


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER])
def test_home_counts_what_is_in_its_own_workspace(client, enter, role):
    mine = enter(role)
    ProjectFactory(workspace=mine.workspace)
    ProjectFactory(workspace=mine.workspace)
    ProjectFactory(workspace=mine.workspace, archived_at=timezone.now())
    base = mine.workspace.get_absolute_url()

    response = get(client, mine)

    assert tiles(response) == {
        "Projects": ("2", f"{base}projects/"),
        "Archived": ("1", f"{base}projects/?state=archived"),
        "Members": ("2", f"{base}members/"),
    }
    assert "Kestrel" not in response.text


def test_home_shows_an_auditor_no_projects(client, enter):
    mine = enter(Role.AUDITOR)
    ProjectFactory(workspace=mine.workspace, name="Harrier")

    response = get(client, mine)

    assert tiles(response) == {"Members": ("2", "")}
    assert "Harrier" not in response.text
    assert "project_count" not in response.context
    assert "recent_projects" not in response.context
    assert "roject" not in page(response).one("main").text
    assert reverse("workspaces:leave", args=[mine.workspace.slug]) in response.text


@pytest.mark.parametrize(
    ("role", "sections"),
    [
        (Role.OWNER, ["Home", "Projects", "Members"]),
        (Role.ADMIN, ["Home", "Projects", "Members"]),
        (Role.OPERATOR, ["Home", "Projects", "Members"]),
        (Role.VIEWER, ["Home", "Projects", "Members"]),
        (Role.AUDITOR, ["Home"]),
    ],
)
def test_navigation_has_the_sections_of_the_role(client, enter, role, sections):
    response = get(client, enter(role))

    links = page(response).one("nav", id="navigation").all("a")
    assert [link.text for link in links] == sections
    assert [link.text for link in links if link.get("aria-current")] == ["Home"]
    assert all(client.get(link["href"]).status_code == 200 for link in links)


def test_home_names_the_workspace_and_the_role_in_it(client, enter):
    mine = enter(Role.OPERATOR)

    main = page(get(client, mine)).one("main")

    assert main.one("h1").text == mine.workspace.name
    assert "Your role here: Operator" in main.text


def test_home_lists_the_five_newest_active_projects(client, enter):
    mine = enter(Role.VIEWER)
    names = [f"project {number}" for number in range(6)]
    for name in names:
        ProjectFactory(workspace=mine.workspace, name=name)
    ProjectFactory(workspace=mine.workspace, name="done with", archived_at=timezone.now())

    recent = page(get(client, mine)).one("section", aria_labelledby="recent")

    assert [link.text for link in recent.all("a", class_="row-link")] == names[:0:-1]


@pytest.mark.parametrize(
    ("role", "offers"),
    [
        (Role.OWNER, True),
        (Role.ADMIN, True),
        (Role.OPERATOR, True),
        (Role.VIEWER, False),
        (Role.AUDITOR, False),
    ],
)
@pytest.mark.parametrize("suspended", [False, True])
def test_home_offers_a_new_project_only_to_those_who_may_make_one(
    client, enter, role, offers, suspended
):
    mine = enter(role)
    if suspended:
        suspend(mine.workspace, "unpaid bill")

    main = page(get(client, mine)).one("main")

    create = reverse("fleet:project-create", args=[mine.workspace.slug])
    buttons = [a for a in main.all("a", class_="button") if a["href"] == create]
    assert bool(buttons) is (offers and not suspended)


def test_first_steps_go_once_all_are_done(client, enter):
    mine = enter(Role.OWNER)
    before = page(get(client, mine)).one("section", aria_labelledby="steps")

    ProjectFactory(workspace=mine.workspace)

    assert [step.text for step in before.all("li")] == [
        "Create a project",
        "Done: Have a second member",
    ]
    assert page(get(client, mine)).all("section", aria_labelledby="steps") == []


def test_home_takes_no_changes(client, enter):
    mine = enter(Role.OWNER)

    assert client.post(mine.workspace.get_absolute_url()).status_code == 405
