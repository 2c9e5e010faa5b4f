import logging

import pytest
from django.db import connection
from django.urls import reverse

from tests.factories import MembershipFactory, ProjectFactory
from tests.pages import page
from workspaces import home
from workspaces.permissions import WorkspacePermission
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


@pytest.fixture
def tile(monkeypatch):
    """Add a tile for the time of a test: a function that returns its content."""
    monkeypatch.setattr(home, "_tiles", list(home._tiles))

    def add(title, content, order=1, permission=WorkspacePermission.WORKSPACE_VIEW):
        home.tile(title, "workspaces/_tile_steps.html", permission, order=order)(content)

    return add


def get(client, membership):
    response = client.get(reverse("workspaces:home", args=[membership.workspace.slug]))
    assert response.status_code == 200
    return response


def titles(response):
    return [one["aria-label"] for one in page(response).one("main").all("section")]


def steps(response):
    """The first steps: their words, and where each leads."""
    return [
        (one.text, [a["href"] for a in one.all("a")])
        for one in page(response).one("ol", class_="steps").all("li")
    ]


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_navigation_leads_to_pages_that_the_role_may_see(client, enter, role):
    response = get(client, enter(role))

    links = page(response).one("nav", id="navigation").all("a")
    assert [link.text for link in links if link.get("aria-current")] == ["Home"]
    assert all(client.get(link["href"]).status_code == 200 for link in links)
    assert ("Agents" in [link.text for link in links]) is (role != Role.AUDITOR)


def test_home_names_the_workspace_and_the_role_in_it(client, enter):
    mine = enter(Role.OPERATOR)

    main = page(get(client, mine)).one("main")

    assert main.one("h1").text == mine.workspace.name
    assert "Your role here: Operator" in main.text
    assert "Kestrel" not in main.text


def test_home_shows_an_auditor_nothing_of_the_fleet(client, enter):
    mine = enter(Role.AUDITOR)

    response = get(client, mine)

    assert titles(response) == []
    assert "Nothing to see here for your role" in page(response).one("main").text
    assert reverse("workspaces:leave", args=[mine.workspace.slug]) in response.text


def test_inviting_somebody_is_a_first_step_of_those_who_may(client, enter):
    mine = enter(Role.ADMIN)
    members = reverse("workspaces:member-list", args=[mine.workspace.slug])

    # the factory's workspace has an owner already
    assert ("Done: Invite a second member", []) in steps(get(client, mine))
    owner = MembershipFactory(role=Role.OWNER)
    client.force_login(owner.user)
    with_two = steps(get(client, owner))
    assert [label for label, _links in with_two][-1] == "Done: Invite a second member"
    assert members not in str(with_two)


def test_home_takes_no_changes(client, enter):
    mine = enter(Role.OWNER)

    assert client.post(mine.workspace.get_absolute_url()).status_code == 405


# Each tile by itself


def test_tiles_stand_in_their_order_for_those_who_may_see_them(client, enter, tile):
    tile("Second", lambda _request: {}, order=-1)
    tile("First", lambda _request: {}, order=-2)
    tile("Not here", lambda _request: {}, permission=WorkspacePermission.AUDIT_VIEW)
    tile("Nothing to show", lambda _request: None)

    assert titles(get(client, enter(Role.VIEWER)))[:2] == ["First", "Second"]
    assert not {"Not here", "Nothing to show"} & set(titles(get(client, enter(Role.VIEWER))))


def bad_statement(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    return {}


def bad_code(request):
    raise KeyError("a tile's own fault")


def bad_template(request):
    """What a template asks for may fail as late as it is shown."""

    class Lazy:
        def __iter__(self):
            return iter([bad_statement(request)])

    return {"steps": Lazy()}


@pytest.mark.parametrize("bad", [bad_statement, bad_code, bad_template])
def test_a_tile_that_fails_says_so_and_leaves_the_rest_standing(client, enter, tile, caplog, bad):
    mine = enter(Role.OWNER)
    before = titles(get(client, mine))
    tile("Broken", bad, order=1)
    tile("Also broken", bad_code, order=2)

    with caplog.at_level(logging.ERROR):
        response = get(client, mine)

    assert set(titles(response)) == {*before, "Broken", "Also broken"}
    for name in ("Broken", "Also broken"):
        shown = page(response).one("section", aria_label=name)
        assert "This part could not be made." in shown.text
        assert shown.one("code").text == response["X-Request-ID"]
    fine = page(response).one("section", aria_label="First steps")
    assert "Store a model's key" in fine.text
    logged = [record for record in caplog.records if record.name == "agenhood.home"]
    assert [record.getMessage() for record in logged] == [
        "The tile “Broken” failed",
        "The tile “Also broken” failed",
    ]
    assert all(record.exc_info for record in logged)
    assert "a tile's own fault" not in response.text


def test_what_a_tile_wrote_before_it_failed_is_not_kept(client, enter, tile):
    mine = enter(Role.OWNER)

    def writes(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('agenhood.test', 'written', true)")
        raise KeyError

    def reads(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('agenhood.test', true), '')")
            assert cursor.fetchone() == ("",)
        return

    tile("Writes", writes, order=1)
    tile("Reads", reads, order=2)

    assert "Reads" not in titles(get(client, mine))


def test_a_suspended_workspaces_home_offers_no_changes(client, enter):
    mine = enter(Role.OWNER)
    suspend(mine.workspace, "unpaid bill")

    main = page(get(client, mine)).one("main")

    assert main.all("a", class_="primary") == []
    assert main.one("ol", class_="steps").all("a") == []
