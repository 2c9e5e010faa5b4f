"""Inside a workspace an account is its person's alone, also to those who manage its members."""

import pytest
from django.db import DatabaseError

from accounts.models import User
from tests.factories import MembershipFactory
from tests.isolation.sql import refused, run
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

CHANGES = ["email = 'taken@over.test'", "password = 'mine'", "name = 'Mine'", "is_staff = true"]


@pytest.fixture
def fellow(db):
    return MembershipFactory(role=Role.VIEWER)


@pytest.fixture
def owner_scope(fellow):
    with platform_scope("to know the owner"):
        owner = Membership.objects.get(workspace=fellow.workspace, role=Role.OWNER)
    return workspace_scope(fellow.workspace_id, user_id=owner.user_id)


def stored(user):
    with platform_scope("to see what is stored"):
        return User.objects.filter(pk=user.pk).values().get()


@pytest.mark.parametrize("change", CHANGES)
def test_a_workspaces_owner_cannot_change_a_fellow_members_account(fellow, owner_scope, change):
    """Vector 24: whom they see, and may remove from the workspace."""
    before = stored(fellow.user)

    with owner_scope:
        assert User.objects.filter(pk=fellow.user_id).exists()
        assert run(f"UPDATE accounts_user SET {change} WHERE id = %s", [fellow.user_id]) == 0

    assert stored(fellow.user) == before


def test_an_owner_cannot_save_a_fellow_members_account(fellow, owner_scope):
    """Vector 24: nor through the model."""
    with owner_scope:
        user = User.objects.get(pk=fellow.user_id)
        user.name = "Mine"
        with refused(DatabaseError, "did not affect any rows"):
            user.save(update_fields=["name"])
        assert User.objects.filter(pk=user.pk).update(name="Mine") == 0

    assert stored(fellow.user)["name"] == fellow.user.name


def test_one_changes_ones_own_account_inside_a_workspace(fellow):
    with workspace_scope(fellow.workspace_id, user_id=fellow.user_id):
        assert User.objects.update(name="Myself") == 1

    assert stored(fellow.user)["name"] == "Myself"
