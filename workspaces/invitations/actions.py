"""Inviting people, and what managers do with invitations; each inside the workspace's scope."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from workspaces.audit import record
from workspaces.invitations.models import Invitation
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission
from workspaces.roles import Role
from workspaces.secret_text import digest_of, new_secret

DAYS = 7  # that an invitation is good for
MOST_OPEN = 100  # in a workspace


class InvitationRefused(Exception):
    """It cannot be done; the message says why, for the manager who asked."""


def invite(*, email: str, role: Role, by: Membership) -> Invitation:
    """Invite an address to become a member in a role below one's own. Raises InvitationRefused.

    Nobody can accept it yet: give it a secret, by `first_link`, by `renew_mail`, or by both.
    """
    email = email.strip().lower()
    _refuse_role(role, by)
    if Membership.objects.filter(user__email=email).exists():
        raise InvitationRefused(f"{email} is a member already.")
    unsettled = Invitation.objects.unsettled()
    found = unsettled.select_for_update(no_key=True).filter(email=email).first()
    if found is not None and not found.is_expired:
        raise InvitationRefused(f"{email} is invited already: see the pending invitations.")
    if Invitation.objects.open().count() >= MOST_OPEN:
        raise InvitationRefused(f"A workspace has {MOST_OPEN} pending invitations at most.")
    if found is not None:
        found.revoked_at = timezone.now()
        found.save(update_fields=["revoked_at"])
    invitation = Invitation(
        workspace_id=by.workspace_id,
        email=email,
        role=role,
        invited_by_id=by.user_id,
        expires_at=_expiry(),
    )
    with _invited_meanwhile(email):
        invitation.save()
    changes = {"role": (None, role), "expires_at": (None, invitation.expires_at)}
    record("invitation.create", invitation, changes=changes)
    return invitation


@sensitive_variables()
def renew_link(invitation: Invitation, *, by: Membership) -> str:
    """Return a new secret for the link that the manager hands over; the one before it is void.

    The invitation is good for another seven days, and the manager vouches for it from now on.
    """
    secret = first_link(invitation, by=by)
    record("invitation.renew", invitation, changes={"link": (None, "replaced")})
    return secret


@sensitive_variables()
def first_link(invitation: Invitation, *, by: Membership) -> str:
    """Return the link's secret of an invitation just made: `invite` has told the trail of it."""
    return _renewed(invitation, "link_digest", by)


@sensitive_variables()
def renew_mail(invitation: Invitation, *, by: Membership) -> str:
    """Return a new secret for the link in the mail, which goes nowhere else; as `renew_link`."""
    invitation.mailed_at = timezone.now()
    secret = _renewed(invitation, "mail_digest", by)
    record("invitation.send", invitation)
    return secret


def revoke(invitation: Invitation, *, by: Membership) -> None:
    """Take an invitation back: its links are void at once. Doing it again changes nothing."""
    invitation = _locked(invitation)
    if not by.may(WorkspacePermission.MEMBER_MANAGE):
        raise InvitationRefused("Your role does not allow this any more.")
    if invitation.accepted_at is not None:
        raise InvitationRefused(f"{invitation} has accepted meanwhile.")
    if invitation.revoked_at is None:
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        record("invitation.revoke", invitation, changes={"revoked": (False, True)})


def _renewed(invitation: Invitation, field: str, by: Membership) -> str:
    mailed_at = invitation.mailed_at
    locked = _locked(invitation)
    _refuse_role(Role(locked.role), by)
    if locked.accepted_at is not None or locked.revoked_at is not None:
        raise InvitationRefused(f"{locked} is not invited any more.")
    secret = new_secret(locked.workspace_id)
    for row in (locked, invitation):
        setattr(row, field, digest_of(secret))
        row.expires_at, row.invited_by_id, row.mailed_at = _expiry(), by.user_id, mailed_at
    locked.save(update_fields=[field, "expires_at", "invited_by", "mailed_at"])
    return secret


def _expiry() -> datetime:
    return timezone.now() + timedelta(days=DAYS)


def _refuse_role(role: Role, by: Membership) -> None:
    if not may_invite(by, role):
        raise InvitationRefused("You can invite people in roles below your own only.")


def may_invite(membership: Membership, role: Role) -> bool:
    """Return whether a member may, now, invite people in this role."""
    allowed = membership.may(WorkspacePermission.MEMBER_MANAGE)
    return allowed and role in Role(membership.role).assignable()


def _locked(invitation: Invitation) -> Invitation:
    """Return the row as it is now; whoever accepts or revokes it meanwhile waits."""
    locked: Invitation = Invitation.objects.select_for_update(no_key=True).get(pk=invitation.pk)
    return locked


@contextmanager
def _invited_meanwhile(email: str) -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "invitation_open_once" in str(error):
            raise InvitationRefused(f"{email} is invited already.") from error
        raise
