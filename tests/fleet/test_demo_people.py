"""The demo's pages about who may enter have something to show, and show no more the second time."""

from agenhood.fleet.demo.people import INVITED, let_in
from tests.factories import MembershipFactory, UserFactory
from workspaces.invitations.acceptance import own_invitations
from workspaces.invitations.models import Invitation
from workspaces.roles import Role
from workspaces.scope import workspace_scope
from workspaces.tokens.models import ServiceAccount, Token


def test_people_and_programs_are_let_in_once(db):
    owner = MembershipFactory(role=Role.OWNER)
    outsider = UserFactory(email="outsider@demo.test")
    for _ in range(2):
        with workspace_scope(owner.workspace_id, user_id=owner.user_id):
            let_in(owner)
            assert Invitation.objects.open().count() == len(INVITED)
            assert ServiceAccount.objects.count() == 1
            assert Token.objects.live().count() == 2
    assert [i.workspace for i in own_invitations(outsider)] == [owner.workspace]
