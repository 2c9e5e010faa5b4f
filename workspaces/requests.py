"""What a request under /w/<slug>/ carries, for type checkers and readers."""

from accounts.requests import SignedInRequest
from workspaces.models import Membership, Workspace


class MemberRequest(SignedInRequest):
    """A request of a member, inside the workspace's scope."""

    workspace: Workspace
    membership: Membership
