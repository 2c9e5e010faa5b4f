"""What members do with memberships, each inside the workspace's scope.

The database holds the rule that a workspace always has an owner; here it gets its words.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from psycopg.errors import CheckViolation

from workspaces.audit import record
from workspaces.models import Membership, Workspace
from workspaces.permissions import WorkspacePermission
from workspaces.roles import Role


class MembershipRefused(Exception):
    """The change is not allowed; the message says why, for the person who asked."""


LAST_OWNER = "A workspace always has an owner. Transfer ownership first."


def change_role(membership: Membership, role: Role, *, by: Membership) -> None:
    """Give a member another role. Raises MembershipRefused, with nothing changed."""
    with _refusal_recorded("member.change", membership):
        as_they_are_now(membership, by)
        _refuse_above(membership, by)
        if role not in Role(by.role).assignable():
            raise MembershipRefused("You can give roles below your own only.")
        before, membership.role = membership.role, role
        with _owner_rule():
            membership.save(update_fields=["role"])
            record("member.change", membership, changes={"role": (before, role)})


def remove(membership: Membership, *, by: Membership) -> None:
    """Take a member out of the workspace, at once. Raises MembershipRefused."""
    with _refusal_recorded("member.remove", membership):
        as_they_are_now(membership, by)
        _refuse_above(membership, by)
        with _owner_rule():
            record("member.remove", membership, changes={"role": (membership.role, None)})
            membership.delete()


def leave(membership: Membership) -> None:
    """Take oneself out of the workspace. Raises MembershipRefused for its last owner."""
    with _refusal_recorded("member.leave", membership):
        as_they_are_now(membership)
        with _owner_rule():
            record("member.leave", membership, changes={"role": (membership.role, None)})
            membership.delete()


def transfer_ownership(membership: Membership, *, to: Membership) -> None:
    """Make another member owner and the owner an admin. Raises MembershipRefused."""
    with _refusal_recorded("ownership.transfer", to):
        if to.pk == membership.pk:
            raise MembershipRefused("You are the owner already.")
        as_they_are_now(membership, to)
        if membership.role != Role.OWNER:
            raise MembershipRefused("You are not the owner any more.")
        before, to.role, membership.role = to.role, Role.OWNER, Role.ADMIN
        with _owner_rule():
            to.save(update_fields=["role"])
            membership.save(update_fields=["role"])
            changes = {"role": (before, Role.OWNER), "earlier owner": (Role.OWNER, Role.ADMIN)}
            record("ownership.transfer", to, changes=changes)


def as_they_are_now(*memberships: Membership) -> None:
    """Wait for others who change this workspace's members, then read the roles again.

    Raises MembershipRefused for somebody who is no member any more.
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=memberships[0].workspace_id)
    for membership in memberships:
        try:
            membership.refresh_from_db(fields=["role"])
        except Membership.DoesNotExist:
            raise MembershipRefused("This person is no member any more.") from None


def locked_reason(membership: Membership, *, by: Membership) -> str:
    """Return why `by` cannot change or remove the member, or ""."""
    if membership.pk == by.pk:
        return "You cannot change your own role."
    if membership.role == Role.OWNER:
        return "Ownership changes by transfer only."
    if Role(membership.role).rank <= Role(by.role).rank:
        return "You can change members below your own role only."
    return ""


def _refuse_above(membership: Membership, by: Membership) -> None:
    if not by.may(WorkspacePermission.MEMBER_MANAGE):
        raise MembershipRefused("Your role does not allow this any more.")
    reason = locked_reason(membership, by=by)
    if reason:
        raise MembershipRefused(reason)


@contextmanager
def _refusal_recorded(action: str, membership: Membership) -> Iterator[None]:
    try:
        yield
    except MembershipRefused as refused:
        record(action, membership, outcome="denied", reason=str(refused))
        raise


@contextmanager
def _owner_rule() -> Iterator[None]:
    """A savepoint in which a broken owner rule becomes MembershipRefused."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, CheckViolation):
            raise MembershipRefused(LAST_OWNER) from error
        raise
