"""What a member may do: named permissions, and the roles that hold them.

Each app has a `permissions` module with a StrEnum of its permissions and a `grant()` for each;
this module knows none of them.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase

from workspaces.roles import Role
from workspaces.scope import ScopeConflict, current_scope

_holders: dict[str, frozenset[Role]] = {}


class WorkspacePermission(StrEnum):
    WORKSPACE_VIEW = "workspace.view"
    WORKSPACE_LEAVE = "workspace.leave"
    MEMBER_VIEW = "member.view"
    MEMBER_MANAGE = "member.manage"
    OWNERSHIP_TRANSFER = "ownership.transfer"
    SETTINGS_EDIT = "settings.edit"
    TOKEN_OWN = "token.own"  # noqa: S105 - one's own tokens, never stronger than oneself
    SERVICE_ACCOUNT_MANAGE = "service_account.manage"
    AUDIT_VIEW = "audit.view"
    AUDIT_EXPORT = "audit.export"
    EXPORT_OWN = "export.own"  # one's own files; what may be in them is the kind's permission
    EXPORT_ALL = "export.all"


def grant(permission: StrEnum, *, to: Iterable[Role]) -> None:
    """Say which roles hold a permission. Raises ValueError if it was said before."""
    if permission in _holders:
        raise ValueError(f"{permission} is granted twice")
    _holders[permission] = frozenset(to)


def holds(role: Role, permission: str) -> bool:
    """Return whether `role` holds `permission`. Raises KeyError for one that nobody granted."""
    return role in _holders[permission]


def held_by(role: Role) -> list[str]:
    """Return the names of all permissions that a role holds, in order."""
    return sorted(name for name, roles in _holders.items() if role in roles)


grant(WorkspacePermission.WORKSPACE_VIEW, to=Role)
grant(WorkspacePermission.WORKSPACE_LEAVE, to=Role)
grant(WorkspacePermission.MEMBER_VIEW, to=[Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER])
grant(WorkspacePermission.MEMBER_MANAGE, to=[Role.OWNER, Role.ADMIN])
grant(WorkspacePermission.OWNERSHIP_TRANSFER, to=[Role.OWNER])
grant(WorkspacePermission.SETTINGS_EDIT, to=[Role.OWNER, Role.ADMIN])
grant(WorkspacePermission.TOKEN_OWN, to=Role)
grant(WorkspacePermission.SERVICE_ACCOUNT_MANAGE, to=[Role.OWNER, Role.ADMIN])
grant(WorkspacePermission.AUDIT_VIEW, to=[Role.OWNER, Role.ADMIN, Role.AUDITOR])
grant(WorkspacePermission.AUDIT_EXPORT, to=[Role.OWNER, Role.ADMIN, Role.AUDITOR])
grant(WorkspacePermission.EXPORT_OWN, to=[Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.AUDITOR])
grant(WorkspacePermission.EXPORT_ALL, to=[Role.OWNER, Role.ADMIN])


def requires(permission: StrEnum) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only members whose role holds `permission` run a view under /w/<slug>/.

    By then the middleware has answered 404 to strangers and entered the workspace's scope. The
    view is called without the slug, which has done its work. Raises KeyError at import for a
    permission that no role was granted.
    """
    if permission not in _holders:
        raise KeyError(f"no role was granted {permission}")

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(request: Any, slug: str, **kwargs: Any) -> HttpResponseBase:
            _check(request, slug, permission)
            return view(request, **kwargs)

        @wraps(view)
        async def guarded_async(request: Any, slug: str, **kwargs: Any) -> HttpResponseBase:
            _check(request, slug, permission)
            return await view(request, **kwargs)

        chosen: Any = guarded_async if iscoroutinefunction(view) else guarded
        chosen.permission = permission  # a test fails on a view without one
        return chosen

    return decorate


def _check(request: Any, slug: str, permission: StrEnum) -> None:
    if request.workspace is None or request.workspace.slug != slug:
        raise ScopeConflict(f"the view for {slug} runs outside its workspace")
    if current_scope().workspace_id != request.workspace.pk:
        raise ScopeConflict(f"the view for {slug} runs in the scope of another workspace")
    if not request.membership.may(permission):
        raise PermissionDenied(f"needs {permission}")
