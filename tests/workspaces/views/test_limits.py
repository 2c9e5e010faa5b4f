"""How much of what a workspace may have at most it has, on its home."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import (
    ExportFactory,
    InvitationFactory,
    MembershipFactory,
    ServiceAccountFactory,
)
from tests.pages import page
from workspaces.meters import meter
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.tokens.actions import MOST_ACCOUNTS


def limits(client, membership):
    """The lines of the tile, or None where there is none."""
    client.force_login(membership.user)
    response = client.get(reverse("workspaces:home", args=[membership.workspace.slug]))
    tiles = page(response).all("section", aria_label="Limits")
    return tiles[0] if tiles else None


def fill(workspace: Workspace, accounts: int) -> None:
    ServiceAccountFactory.create_batch(accounts, workspace=workspace)
    InvitationFactory.create_batch(2, workspace=workspace)
    InvitationFactory(workspace=workspace, expires_at=timezone.now() - timedelta(days=1))
    ExportFactory(workspace=workspace, state="running")
    ExportFactory(workspace=workspace, state="failed")


def test_home_says_how_much_of_each_limit_is_used_in_this_workspace(client, db):
    admin = MembershipFactory(role=Role.ADMIN)
    fill(admin.workspace, 3)
    fill(MembershipFactory().workspace, 5)

    shown = limits(client, admin)

    assert [line.text for line in shown.all("span", class_="fine")] == [
        "3 of 50 service accounts",
        "2 of 100 pending invitations",
        "1 of 3 exports under way",
    ]
    assert [one["value"] for one in shown.all("meter")] == ["6", "2", "33"]
    assert all(client.get(link["href"]).status_code == 200 for link in shown.all("a"))


@pytest.mark.parametrize(
    ("count", "warning"),
    [
        (0, ""),
        (MOST_ACCOUNTS * 4 // 5 - 1, ""),
        (MOST_ACCOUNTS * 4 // 5, ", close to the limit"),
        (MOST_ACCOUNTS, ", at the limit"),
    ],
)
def test_a_limit_warns_from_eighty_percent(client, db, count, warning):
    admin = MembershipFactory(role=Role.ADMIN)
    ServiceAccountFactory.create_batch(count, workspace=admin.workspace)

    lines = limits(client, admin).all("span", class_="fine")

    assert lines[0].text == f"{count} of {MOST_ACCOUNTS} service accounts{warning}"
    assert "limit" not in lines[1].text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_limits_are_not_shown_to_those_who_do_not_see_what_is_counted(client, db, role):
    member = MembershipFactory(role=role)
    fill(member.workspace, 3)

    assert limits(client, member) is None


def test_a_meter_stays_within_its_ends():
    assert meter("Files", 7, 5, "7 of 5 files").percent == 100
    assert meter("Files", -1, 5, "-1 of 5 files").percent == 0
