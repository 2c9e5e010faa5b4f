import re
import time

import pytest
from allauth.account.internal.flows import login
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import (
    MembershipFactory,
    ServiceAccountFactory,
    TokenFactory,
    UserFactory,
    WorkspaceFactory,
)
from tests.pages import error_at, page
from workspaces.models import Membership
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope

FRAGMENT = {"HX-Request": "true"}
LAST_OWNER = "A workspace always has an owner. Transfer ownership first."
OWN_ROLE = "You cannot change your own role."
OWNERSHIP = "Ownership changes by transfer only."
ABOVE = "You can change members below your own role only."
PASSWORD = "correct horse battery"


@pytest.fixture
def workspace(db):
    """A workspace with its owner; MembershipFactory makes others elsewhere."""
    MembershipFactory(user=UserFactory(email="stranger@globex.test"))
    return WorkspaceFactory()


@pytest.fixture
def enter(client, workspace):
    """Sign in as a new member with a role, or as the owner that the workspace has."""

    def with_role(role):
        if role == Role.OWNER:
            membership = owner_of(workspace)
        else:
            membership = MembershipFactory(workspace=workspace, role=role)
        client.force_login(membership.user)
        return membership

    return with_role


@pytest.fixture
def their_client():
    """The browser of somebody else."""
    return Client()


def owner_of(workspace):
    with platform_scope("test"):
        return Membership.objects.select_related("user", "workspace").get(
            workspace=workspace, role=Role.OWNER
        )


def url(name, workspace, member=None):
    args = [workspace.slug] + ([member.pk] if member else [])
    return reverse(f"workspaces:{name}", args=args)


def role_of(membership):
    """Return the role as stored, or None for somebody who is no longer a member."""
    with platform_scope("test"):
        return Membership.objects.filter(pk=membership.pk).values_list("role", flat=True).first()


def row_of(response, membership):
    (row,) = [
        row
        for row in page(response).one(id="members").all("tr")
        if membership.user.email in row.text
    ]
    return row


# The list


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER])
def test_member_list_shows_members_of_its_own_workspace_only(client, workspace, enter, role):
    mine = enter(role)
    member = MembershipFactory(workspace=workspace, role=Role.AUDITOR)

    response = client.get(url("member-list", workspace))

    assert response.status_code == 200
    assert "You" in row_of(response, mine).text
    assert row_of(response, member)
    assert "stranger@globex.test" not in response.text


def test_member_list_is_refused_to_an_auditor(client, workspace, enter):
    enter(Role.AUDITOR)

    response = client.get(url("member-list", workspace))

    assert response.status_code == 403
    assert owner_of(workspace).user.email not in response.text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_member_list_offers_no_changes_to_those_who_may_make_none(client, workspace, enter, role):
    enter(role)
    MembershipFactory(workspace=workspace, role=Role.AUDITOR)

    members = page(client.get(url("member-list", workspace))).one(id="members")

    assert members.all("form") == members.all("a") == []


def test_member_list_offers_an_admin_the_roles_below_and_says_why_others_are_locked(
    client, workspace, enter
):
    mine = enter(Role.ADMIN)
    other = MembershipFactory(workspace=workspace, role=Role.ADMIN)
    viewer = MembershipFactory(workspace=workspace, role=Role.VIEWER)

    response = client.get(url("member-list", workspace))

    options = row_of(response, viewer).one("select", name="role").all("option")
    assert [option["value"] for option in options] == ["operator", "viewer", "auditor"]
    assert [option["value"] for option in options if "selected" in option.attributes] == ["viewer"]
    locked = {mine: OWN_ROLE, other: ABOVE, owner_of(workspace): OWNERSHIP}
    for member, reason in locked.items():
        row = row_of(response, member)
        assert reason in row.text
        assert row.all("form") == row.all("a") == []


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_member_list_answers_htmx_with_the_members_alone(client, workspace, enter, headers):
    enter(Role.VIEWER)

    response = client.get(url("member-list", workspace), headers=headers)

    assert ("<html" in response.text) is not bool(headers)
    assert page(response).one(id="members")


# Changing a role


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize("by", [Role.OWNER, Role.ADMIN])
def test_role_is_changed_to_one_below_the_own(client, workspace, enter, by, role):
    enter(by)
    member = MembershipFactory(workspace=workspace, role=Role.OPERATOR)
    elsewhere = MembershipFactory(user=member.user, role=Role.OPERATOR)

    response = client.post(url("member-role", workspace, member), {"role": role})

    assert response.status_code == 302
    assert response["Location"] == url("member-list", workspace)
    assert role_of(member) == role
    assert role_of(elsewhere) == Role.OPERATOR


def test_role_changed_in_htmx_answers_the_members(client, workspace, enter):
    enter(Role.ADMIN)
    member = MembershipFactory(workspace=workspace, role=Role.OPERATOR)

    response = client.post(
        url("member-role", workspace, member), {"role": Role.AUDITOR}, headers=FRAGMENT
    )

    assert response.status_code == 200
    assert "<html" not in response.text
    chosen = [o for o in row_of(response, member).all("option") if "selected" in o.attributes]
    assert [option["value"] for option in chosen] == ["auditor"]


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(
    ("role", "message"),
    [
        ("", "Choose a role from the list."),
        ("emperor", "Choose a role from the list."),
        ("VIEWER", "Choose a role from the list."),
        ("vie\0wer", "Choose a role from the list."),
        (Role.ADMIN, "You can give roles below your own only."),
        (Role.OWNER, "You can give roles below your own only."),
    ],
)
def test_role_that_cannot_be_given_is_refused_at_the_member(
    client, workspace, enter, role, message, headers
):
    enter(Role.ADMIN)
    member = MembershipFactory(workspace=workspace, role=Role.VIEWER)

    response = client.post(url("member-role", workspace, member), {"role": role}, headers=headers)

    assert response.status_code == 422
    row = row_of(response, member)
    select = row.one("select")
    assert row.one("p", class_="errorlist").text == message
    assert select["aria-describedby"] == row.one("p", class_="errorlist")["id"]
    assert select["aria-invalid"] == "true"
    assert len(page(response).all("p", class_="errorlist")) == 1
    assert role_of(member) == Role.VIEWER


@pytest.mark.parametrize("action", ["member-role", "member-remove"])
@pytest.mark.parametrize(
    ("by", "of", "reason"),
    [
        (Role.ADMIN, Role.ADMIN, ABOVE),
        (Role.ADMIN, Role.OWNER, OWNERSHIP),
        (Role.ADMIN, None, OWN_ROLE),
        (Role.OWNER, None, OWN_ROLE),
    ],
)
def test_members_at_or_above_the_own_rank_cannot_be_touched(
    client, workspace, enter, action, by, of, reason
):
    mine = enter(by)
    if of == Role.OWNER:
        member = owner_of(workspace)
    else:
        member = MembershipFactory(workspace=workspace, role=of) if of else mine

    response = client.post(url(action, workspace, member), {"role": Role.VIEWER})

    assert response.status_code == 422
    assert reason in page(response).one("main").text
    assert role_of(member) == member.role


# Removing


def test_removal_asks_first(client, workspace, enter):
    enter(Role.ADMIN)
    member = MembershipFactory(workspace=workspace, role=Role.VIEWER)

    response = client.get(url("member-remove", workspace, member))

    assert response.status_code == 200
    assert page(response).one("h1").text == f"Remove {member.user.name}?"
    assert role_of(member) == Role.VIEWER


def test_removal_of_somebody_above_explains_and_has_no_button(client, workspace, enter):
    enter(Role.ADMIN)

    response = client.get(url("member-remove", workspace, owner_of(workspace)))

    main = page(response).one("main")
    assert main.one("p", class_="errorlist").text == OWNERSHIP
    assert main.all("button") == []


def test_removed_member_is_out_of_this_workspace_at_once_and_of_no_other(
    client, their_client, workspace, enter
):
    enter(Role.ADMIN)
    member = MembershipFactory(workspace=workspace, role=Role.VIEWER)
    elsewhere = MembershipFactory(user=member.user)
    their_client.force_login(member.user)
    assert their_client.get(workspace.get_absolute_url()).status_code == 200

    response = client.post(url("member-remove", workspace, member))

    assert response.status_code == 302
    assert role_of(member) is None
    assert role_of(elsewhere) == Role.VIEWER
    assert their_client.get(workspace.get_absolute_url()).status_code == 404
    assert their_client.get(elsewhere.workspace.get_absolute_url()).status_code == 200


def test_removal_names_the_tokens_of_service_accounts_that_the_member_may_know(
    client, workspace, enter
):
    enter(Role.ADMIN)
    member = MembershipFactory(workspace=workspace)
    account = ServiceAccountFactory(workspace=workspace, name="deploy")
    disabled = ServiceAccountFactory(workspace=workspace, name="old", disabled_at=timezone.now())
    of_account = {"workspace": workspace, "membership": None, "service_account": account}
    by_member = {**of_account, "created_by": member.user}
    TokenFactory(**by_member, name="night build")
    TokenFactory(**by_member, name="revoked one", revoked_at=timezone.now())
    TokenFactory(**{**by_member, "service_account": disabled}, name="useless")
    TokenFactory(**of_account, name="somebody else's")
    TokenFactory(workspace=workspace, membership=member, name="personal")

    main = page(client.get(url("member-remove", workspace, member))).one("main")

    assert [item.text.split(" agh_")[0] for item in main.all("li")] == ["deploy: night build"]


def test_second_removal_finds_nobody(client, workspace, enter):
    enter(Role.ADMIN)
    member = MembershipFactory(workspace=workspace)
    client.post(url("member-remove", workspace, member))

    assert client.post(url("member-remove", workspace, member)).status_code == 404


@pytest.mark.parametrize("action", ["member-role", "member-remove"])
def test_members_of_other_workspaces_are_out_of_reach(client, workspace, enter, action):
    mine = enter(Role.ADMIN)
    also_mine = MembershipFactory(user=mine.user, role=Role.ADMIN)
    theirs = MembershipFactory(workspace=also_mine.workspace, role=Role.OPERATOR)

    response = client.post(url(action, workspace, theirs), {"role": Role.VIEWER})

    assert response.status_code == 404
    assert role_of(theirs) == Role.OPERATOR


@pytest.mark.parametrize("action", ["member-role", "member-remove"])
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_members_are_managed_by_owners_and_admins_only(client, workspace, enter, role, action):
    enter(role)
    member = MembershipFactory(workspace=workspace, role=Role.VIEWER)

    response = client.post(url(action, workspace, member), {"role": Role.AUDITOR})

    assert response.status_code == 403
    assert role_of(member) == Role.VIEWER


# Leaving


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_everybody_but_the_last_owner_may_leave(client, workspace, enter, role):
    mine = enter(role)
    elsewhere = MembershipFactory(user=mine.user)

    asked = client.get(url("leave", workspace))
    response = client.post(url("leave", workspace))

    assert asked.status_code == 200
    assert (response.status_code, response["Location"]) == (302, "/")
    assert role_of(mine) is None
    assert role_of(elsewhere) == Role.VIEWER
    assert client.get(workspace.get_absolute_url()).status_code == 404


def test_last_owner_is_told_to_transfer_the_ownership_first(client, workspace, enter):
    mine = enter(Role.OWNER)
    MembershipFactory(workspace=workspace, role=Role.ADMIN)

    asked = page(client.get(url("leave", workspace))).one("main")
    response = client.post(url("leave", workspace))

    assert "You are the only owner" in asked.text
    assert asked.all("button") == []
    assert response.status_code == 422
    assert page(response).one("p", class_="errorlist").text == LAST_OWNER
    assert role_of(mine) == Role.OWNER


def test_owner_may_leave_while_there_is_another(client, workspace, enter):
    mine = enter(Role.OWNER)
    other = MembershipFactory(workspace=workspace, role=Role.OWNER)

    response = client.post(url("leave", workspace))

    assert response.status_code == 302
    assert (role_of(mine), role_of(other)) == (None, Role.OWNER)


# Transferring ownership


@pytest.fixture
def owner(client, workspace):
    membership = owner_of(workspace)
    with platform_scope("test data"):
        membership.user.set_password(PASSWORD)
        membership.user.save()
    client.force_login(membership.user)
    return membership


def transfer(client, workspace, to, password=PASSWORD):
    return client.post(
        url("ownership-transfer", workspace), {"new_owner": to.pk, "password": password}
    )


def test_transfer_swaps_the_roles(client, workspace, owner):
    member = MembershipFactory(workspace=workspace, role=Role.VIEWER)

    response = transfer(client, workspace, member)

    assert response.status_code == 302
    assert (role_of(owner), role_of(member)) == (Role.ADMIN, Role.OWNER)


@pytest.mark.parametrize("password", ["wrong horse battery", PASSWORD + " ", PASSWORD.upper()])
def test_transfer_with_a_wrong_password_is_refused_at_its_field(client, workspace, owner, password):
    member = MembershipFactory(workspace=workspace)

    response = transfer(client, workspace, member, password)

    assert response.status_code == 422
    assert error_at(response, "password") == "This is not your password."
    assert password not in response.text
    chosen = [o["value"] for o in page(response).all("option") if "selected" in o.attributes]
    assert chosen == [str(member.pk)]
    assert (role_of(owner), role_of(member)) == (Role.OWNER, Role.VIEWER)


def test_transfer_without_any_field_is_refused_at_the_fields(client, workspace, owner):
    response = client.post(url("ownership-transfer", workspace))

    assert response.status_code == 422
    assert error_at(response, "new_owner") == "This field is required."
    assert error_at(response, "password") == "This field is required."


def test_transfer_offers_active_members_of_this_workspace_only(client, workspace, owner):
    member = MembershipFactory(workspace=workspace)
    closed = MembershipFactory(workspace=workspace, user=UserFactory(is_active=False))
    elsewhere = MembershipFactory(
        workspace=MembershipFactory(user=owner.user, role=Role.OWNER).workspace
    )

    response = client.get(url("ownership-transfer", workspace))
    refused = [transfer(client, workspace, to) for to in (closed, elsewhere, owner)]

    offered = [option["value"] for option in page(response).all("option")]
    assert offered == ["", str(member.pk)]
    assert elsewhere.user.email not in response.text
    for answer in refused:
        assert answer.status_code == 422
        assert error_at(answer, "new_owner").startswith("Select a valid choice.")
    assert (role_of(owner), role_of(closed)) == (Role.OWNER, Role.VIEWER)


def test_transfer_is_refused_after_ten_tries_in_a_minute_even_with_the_right_password(
    client, workspace, owner
):
    member = MembershipFactory(workspace=workspace)
    tries = [transfer(client, workspace, member, "").status_code for _ in range(10)]

    response = transfer(client, workspace, member)

    assert tries == [422] * 10
    assert response.status_code == 429
    assert page(response).one("h1").text == "Too many tries in a short time"
    assert role_of(owner) == Role.OWNER


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize("method", ["get", "post"])
def test_ownership_is_transferred_by_the_owner_only(client, workspace, enter, role, method):
    mine = enter(role)

    response = getattr(client, method)(
        url("ownership-transfer", workspace), {"new_owner": mine.pk, "password": PASSWORD}
    )

    assert response.status_code == 403
    assert role_of(mine) == role


def test_new_owner_of_one_workspace_gains_nothing_in_another(client, workspace, owner):
    member = MembershipFactory(workspace=workspace)
    elsewhere = MembershipFactory(user=member.user, role=Role.VIEWER)

    transfer(client, workspace, member)

    assert role_of(elsewhere) == Role.VIEWER


# Methods, and a suspended workspace


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("member-list", "post"),
        ("member-role", "get"),
        ("member-remove", "put"),
        ("leave", "delete"),
        ("ownership-transfer", "put"),
    ],
)
def test_member_pages_refuse_other_methods(client, workspace, enter, name, method):
    enter(Role.OWNER)
    member = MembershipFactory(workspace=workspace)
    of_one = name in ("member-role", "member-remove")

    response = getattr(client, method)(url(name, workspace, member if of_one else None))

    assert response.status_code == 405
    assert role_of(member) == Role.VIEWER


@pytest.mark.parametrize("name", ["member-role", "member-remove", "leave", "ownership-transfer"])
def test_suspended_workspace_keeps_its_members_as_they_are(client, workspace, owner, name):
    member = MembershipFactory(workspace=workspace, role=Role.VIEWER)
    MembershipFactory(workspace=workspace, role=Role.OWNER)
    suspend(workspace, "unpaid bill")
    of_one = name in ("member-role", "member-remove")

    response = client.post(
        url(name, workspace, member if of_one else None),
        {"role": Role.AUDITOR, "new_owner": member.pk, "password": PASSWORD},
    )

    assert response.status_code == 403
    assert page(response).one("h1").text == "Nothing was changed"
    assert (role_of(owner), role_of(member)) == (Role.OWNER, Role.VIEWER)


def test_suspended_workspace_shows_its_members_without_any_change_to_make(client, workspace, enter):
    enter(Role.OWNER)
    MembershipFactory(workspace=workspace)
    suspend(workspace, "unpaid bill")

    response = client.get(url("member-list", workspace))

    main = page(response).one("main")
    assert response.status_code == 200
    assert "is suspended: unpaid bill" in main.one("div", class_="band").text
    links = [a for a in main.all("a") if a not in main.one("nav", class_="tabs").all("a")]
    assert main.all("form") == links == []


def signed_in_at(client, membership, seconds_ago):
    """Have allauth remember that the person has signed in by a passkey."""
    session = client.session
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(membership.user_id)
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "mfa", "at": time.time() - seconds_ago}
    ]
    session.save()


def test_an_owner_without_a_password_transfers_after_a_fresh_sign_in_only(client, workspace, enter):
    owner = enter(Role.OWNER)
    member = MembershipFactory(workspace=workspace)
    address, sent = url("ownership-transfer", workspace), {"new_owner": member.pk}

    for seconds_ago in (None, 301):
        if seconds_ago:
            signed_in_at(client, owner, seconds_ago)
        asked = client.get(address)
        assert "You have no password" in asked.text
        assert page(asked).all(name="password") == []
        refused = client.post(address, sent)
        assert refused.status_code == 422
        assert "Confirm first that it is you." in refused.text
        assert role_of(owner) == Role.OWNER

    signed_in_at(client, owner, 10)
    assert "You have no password" not in client.get(address).text
    assert client.post(address, sent).status_code == 302
    assert (role_of(owner), role_of(member)) == (Role.ADMIN, Role.OWNER)


def test_a_fresh_sign_in_is_no_substitute_for_the_password(client, workspace, owner):
    member = MembershipFactory(workspace=workspace)
    signed_in_at(client, owner, 10)

    assert transfer(client, workspace, member, "").status_code == 422
    assert role_of(owner) == Role.OWNER


def test_managers_see_who_has_a_second_factor_and_others_do_not(client, workspace, enter):
    enter(Role.ADMIN)
    assert "Second factor" in client.get(url("member-list", workspace)).text
    enter(Role.VIEWER)
    assert "Second factor" not in client.get(url("member-list", workspace)).text


def test_the_only_owner_is_told_why_next_to_the_role(client, workspace, enter):
    enter(Role.OWNER)
    assert (
        "you are the only one" in page(client.get(url("member-list", workspace))).one("table").text
    )
    MembershipFactory(workspace=workspace, role=Role.OWNER)
    assert "you are the only one" not in client.get(url("member-list", workspace)).text


def test_the_tabs_are_those_that_the_role_may_open(client, workspace, enter):
    seen = {}
    for role in (Role.OWNER, Role.VIEWER):
        enter(role)
        tabs = page(client.get(url("member-list", workspace))).one("nav", class_="member-tabs")
        seen[role] = [re.sub(r" \d+$", "", a.text) for a in tabs.all("a")]
    assert seen[Role.OWNER] == ["Members", "Pending", "Service accounts", "Your tokens"]
    assert seen[Role.VIEWER] == ["Members", "Your tokens"]
