"""What a token may name: permissions that its owner's role holds, but not those over people."""

from collections.abc import Iterable

from workspaces.permissions import WorkspacePermission, held_by
from workspaces.roles import Role

# A program neither lets people in nor outlives its token by making another one: these are asked of
# somebody who has signed in.
FOR_PEOPLE_ONLY = frozenset(
    {
        WorkspacePermission.MEMBER_MANAGE,
        WorkspacePermission.OWNERSHIP_TRANSFER,
        WorkspacePermission.SERVICE_ACCOUNT_MANAGE,
        WorkspacePermission.TOKEN_OWN,
        WorkspacePermission.WORKSPACE_LEAVE,
    }
)
VIEW = ".view"


def grantable(role: Role) -> list[str]:
    """Return what a token of somebody with this role may name, in order."""
    return [name for name in held_by(role) if name not in FOR_PEOPLE_ONLY]


def read_only(role: Role) -> list[str]:
    return [name for name in grantable(role) if name.endswith(VIEW)]


def grouped(names: Iterable[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return permissions by what they are of, as (noun, [(name, verb)]) in words."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(names):
        noun, _, verb = name.partition(".")
        groups.setdefault(noun.replace("_", " ").capitalize(), []).append((name, verb))
    return list(groups.items())
