"""Who else may enter a demo workspace: somebody invited, a program, a script of the owner's."""

from workspaces.invitations import actions as invitations
from workspaces.invitations.models import Invitation
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.tokens import actions as tokens
from workspaces.tokens.models import ServiceAccount
from workspaces.tokens.scopes import grantable, read_only

# The first one is a demo account that is in no workspace: it finds the invitation on its own page.
INVITED = {"outsider@demo.test": Role.OPERATOR, "newcomer@demo.test": Role.VIEWER}


def let_in(by: Membership) -> None:
    """Invite people to the active workspace and make tokens whose texts nobody sees; once."""
    if Invitation.objects.exists() or ServiceAccount.objects.exists():
        return
    for email, role in INVITED.items():
        invitations.invite(email=email, role=role, by=by)
    account = tokens.create_service_account(name="nightly-build", role=Role.OPERATOR, by=by)
    tokens.create_token(
        name="runner", scopes=grantable(Role.OPERATOR), days=None, by=by, service_account=account
    )
    tokens.create_token(name="weekly report", scopes=read_only(Role(by.role)), by=by)
