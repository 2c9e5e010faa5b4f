"""A workspace's settings: what it is called, and whether it requires a second factor."""

import pytest
from django.test import Client

from tests.factories import MembershipFactory, WorkspaceFactory
from tests.pages import error_at, page
from tests.second_factors import give_app
from workspaces.models import AuditEntry, Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.fixture
def mine(db):
    return MembershipFactory(role=Role.ADMIN, user__name="Ada", workspace__name="Acme")


@pytest.fixture
def me(client, mine):
    client.force_login(mine.user)
    return client


@pytest.fixture
def general(mine):
    return f"/w/{mine.workspace.slug}/settings/"


@pytest.fixture
def second_factor(general):
    return f"{general}second-factor/"


def now(mine):
    with workspace_scope(mine.workspace_id):
        return Workspace.objects.get(pk=mine.workspace_id)


def trail(mine):
    with workspace_scope(mine.workspace_id):
        return [
            (entry.action, entry.actor_label, entry.changes)
            for entry in AuditEntry.objects.filter(action="workspace.change")
        ]


def test_only_somebody_whom_the_workspace_can_spare_is_offered_to_leave(client, mine, general):
    """The factory's workspace has an owner already, beside the admin."""
    with workspace_scope(mine.workspace_id):
        owner = Membership.objects.get(role=Role.OWNER).user

    def offers():
        shown = page(client.get(general)).one("section", aria_labelledby="danger")
        return [a.text for a in shown.all("a") if a["href"].endswith("/leave/")], shown.text

    client.force_login(mine.user)
    assert offers()[0] == ["Leave…"]
    client.force_login(owner)
    links, words = offers()
    assert links == []
    assert "transfer the ownership first" in words
    MembershipFactory(workspace=mine.workspace, role=Role.OWNER)
    assert offers()[0] == ["Leave…"]


def test_name_and_colour_are_changed_and_the_change_is_on_the_trail(me, mine, general):
    response = me.post(general, {"name": "Acme Birds", "colour": "teal"})

    assert (response.status_code, response["Location"]) == (302, f"{general}?saved=yes")
    assert (now(mine).name, now(mine).colour, now(mine).slug) == (
        "Acme Birds",
        "teal",
        mine.workspace.slug,
    )
    ((action, actor, changes),) = trail(mine)
    assert (action, changes) == (
        "workspace.change",
        {"name": ["Acme", "Acme Birds"], "colour": ["blue", "teal"]},
    )
    assert mine.user.email in actor or mine.user.name in actor
    shown = me.get(response["Location"])
    assert page(shown).one("main").one(role="status").text == "Saved"
    assert page(shown).one("title").text == "Settings · Acme Birds"


def test_what_stays_is_not_on_the_trail(me, mine, general):
    me.post(general, {"name": "Acme", "colour": "teal"})

    assert [changes for _action, _actor, changes in trail(mine)] == [{"colour": ["blue", "teal"]}]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "", "colour": "teal"}, "name"),
        ({"name": "x" * 61, "colour": "teal"}, "name"),
        ({"name": "a\0b", "colour": "teal"}, "name"),
        ({"name": "Acme", "colour": "mauve"}, "colour"),
        ({"name": "Acme"}, "colour"),
    ],
)
def test_what_is_not_valid_is_refused_at_its_field(me, mine, general, sent, field):
    response = me.post(general, sent)

    assert response.status_code == 422
    assert error_at(response, field)
    assert now(mine).name == "Acme"
    assert page(response).one("h1").text == "Settings"
    assert trail(mine) == []


def test_nothing_but_these_can_be_sent_along(me, mine, general):
    sent = {"name": "Acme", "colour": "red", "slug": "evil", "requires_second_factor": "on"}

    me.post(general, sent)

    assert (now(mine).slug, now(mine).requires_second_factor) == (mine.workspace.slug, False)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_others_have_no_settings(client, mine, general, second_factor, role):
    other = MembershipFactory(workspace=mine.workspace, role=role)
    client.force_login(other.user)

    assert "Settings" not in page(client.get(f"/w/{mine.workspace.slug}/")).one("nav").text
    for path in (general, second_factor):
        assert client.get(path).status_code == 403
        assert client.post(path, {"name": "Mine", "required": "yes"}).status_code == 403
    assert now(mine).name == "Acme"


def test_the_section_stands_last(me, mine, general):
    links = page(me.get(general)).one("nav", id="navigation").all("a")

    assert (links[-1].text, links[-1]["aria-current"]) == ("Settings", "page")


def test_ownership_is_handed_on_by_its_owner_only(me, mine, general):
    shown = page(me.get(general)).one("main").text
    assert "Transfer ownership" not in shown
    assert f"Leave {mine.workspace.name}" in shown

    owner = MembershipFactory(workspace=mine.workspace, role=Role.OWNER)
    client = Client()
    client.force_login(owner.user)
    assert "Transfer ownership" in page(client.get(general)).one("main").text


# --- requiring a second factor -------------------------------------------------------------------


def test_who_would_be_kept_out_is_said_before_saving(me, mine, second_factor):
    give_app(mine.user)
    with_one = MembershipFactory(workspace=mine.workspace, user__name="Wilma")
    give_app(with_one.user)
    MembershipFactory(workspace=mine.workspace, user__name="Bert")
    MembershipFactory(workspace=mine.workspace, user__name="", user__email="carl@x.test")
    MembershipFactory(workspace=mine.workspace, user__name="Dora", user__is_active=False)
    MembershipFactory(user__name="Elsewhere")

    shown = page(me.get(second_factor)).one("main")

    listed = [item.text for item in shown.one("ul").all("li")]
    assert len(listed) == 3  # Bert, Carl and the owner whom every workspace has
    assert listed[0].startswith("owner@") or "carl@x.test" in listed
    assert any(item.startswith("Bert") for item in listed)
    assert not any(name in shown.text for name in ("Wilma", "Dora", "Elsewhere", "Ada"))
    assert now(mine).requires_second_factor is False


def test_it_is_required_from_then_on_and_the_change_is_on_the_trail(me, mine, second_factor):
    give_app(mine.user)
    other = MembershipFactory(workspace=mine.workspace)
    theirs = Client()
    theirs.force_login(other.user)
    assert theirs.get(f"/w/{mine.workspace.slug}/").status_code == 200

    response = me.post(second_factor, {"required": "yes"})

    assert response.status_code == 302
    assert now(mine).requires_second_factor is True
    assert theirs.get(f"/w/{mine.workspace.slug}/").status_code == 302
    assert me.get(f"/w/{mine.workspace.slug}/").status_code == 200
    assert trail(mine)[0][2] == {"requires_second_factor": [False, True]}

    me.post(second_factor, {"required": "no"})

    assert now(mine).requires_second_factor is False
    assert theirs.get(f"/w/{mine.workspace.slug}/").status_code == 200


def test_whoever_has_none_cannot_require_one(me, mine, second_factor):
    assert "Set up your own second factor first" in me.get(second_factor).text

    response = me.post(second_factor, {"required": "yes"})

    assert response.status_code == 422
    assert (
        "Set up your own second factor first" in page(response).one("main").one(role="alert").text
    )
    assert now(mine).requires_second_factor is False
    assert trail(mine) == []


@pytest.mark.parametrize("sent", [{}, {"required": ""}, {"required": "maybe"}, {"required": "\0"}])
def test_an_odd_choice_is_refused(me, mine, second_factor, sent):
    give_app(mine.user)

    assert me.post(second_factor, sent).status_code == 422
    assert now(mine).requires_second_factor is False


def test_requiring_it_again_changes_nothing(me, mine, second_factor):
    give_app(mine.user)
    for _ in range(2):
        assert me.post(second_factor, {"required": "yes"}).status_code == 302

    assert len(trail(mine)) == 1


def test_another_workspace_is_not_touched(me, mine, second_factor):
    give_app(mine.user)
    other = WorkspaceFactory()

    me.post(second_factor, {"required": "yes"})

    with workspace_scope(other.pk):
        assert Workspace.objects.get(pk=other.pk).requires_second_factor is False


@pytest.mark.parametrize("path", ["settings/", "settings/second-factor/"])
def test_no_more_statements_for_more_members(me, mine, path, django_assert_max_num_queries):
    address = f"/w/{mine.workspace.slug}/{path}"
    me.get(address)
    for _ in range(3):
        MembershipFactory(workspace=mine.workspace)
    with django_assert_max_num_queries(12) as few:
        me.get(address)
    for _ in range(27):
        MembershipFactory(workspace=mine.workspace)
    with django_assert_max_num_queries(12) as many:
        me.get(address)

    assert len(many) == len(few)
