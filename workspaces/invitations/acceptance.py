"""From an invitation's link, or from one's own list, to a membership. Outside any scope.

Why an invitation cannot be accepted is told to nobody: it may be unknown, used, revoked, expired,
of a suspended workspace, or from somebody who may not invite in that role any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.mail import mail_is_set_up
from accounts.models import User
from accounts.provisioning import AccountExists, make_account
from workspaces.audit import Actor, acting, record
from workspaces.audit.actor import origin
from workspaces.invitations.actions import may_invite
from workspaces.invitations.models import Invitation, InvitationQuerySet
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import person_scope, platform_scope, workspace_scope
from workspaces.secret_text import NotASecret, digest_of, new_secret, workspace_of

NO_WORKSPACE = UUID(int=0)
MAILED_EVERY = timedelta(minutes=1)
MOST_SHOWN = 20  # of a person's own


class NoInvitation(LookupError):
    """There is none that could be accepted: why, nobody is told."""


@dataclass(frozen=True, slots=True)
class Link:
    """What of a link is remembered: where to look it up, and its hash. Neither opens anything."""

    workspace_id: UUID
    digest: bytes

    @classmethod
    @sensitive_variables()
    def parse(cls, text: str) -> "Link":
        """Read the last part of a link's address. One that is wrong is one that leads nowhere."""
        try:
            workspace_id = workspace_of(text)
        except NotASecret:
            workspace_id = NO_WORKSPACE
        return cls(workspace_id, digest_of(text))


@dataclass(frozen=True, slots=True)
class Offer:
    """An invitation that can be accepted. `proves_address`: its link was mailed, and shown to
    nobody else."""

    invitation: Invitation
    workspace: Workspace
    inviter: User
    proves_address: bool

    @property
    def email(self) -> str:
        return self.invitation.email

    @property
    def admits_newcomers(self) -> bool:
        """Whether somebody may make an account with it.

        Whoever holds a link that was copied may be the inviter: an account of theirs with another
        person's address would be taken for that person elsewhere. So where mail is set up, only the
        mailed link will do; without, the account's address stays unproven.
        """
        return settings.INVITE_NEWCOMERS and (self.proves_address or not mail_is_set_up())


def offer_of(link: Link) -> Offer:
    """Look a link up inside the workspace that it names. Raises NoInvitation."""
    with workspace_scope(link.workspace_id):
        return _offer(link)


def own_invitations(user: User) -> list[Invitation]:
    """Return the open invitations to the person's proven address, with their workspaces.

    Row security says which; the platform then names their workspaces, which invited people cannot
    see yet.
    """
    with person_scope(user.pk):
        invitations = list(_own(user).open().order_by("-id")[:MOST_SHOWN])
    if not invitations:
        return []
    with platform_scope("name the workspaces that invite a person"):
        named = Workspace.objects.in_bulk([i.workspace_id for i in invitations])
    for invitation in invitations:
        invitation.workspace = named[invitation.workspace_id]
    return [i for i in invitations if not i.workspace.is_suspended]


def _own(user: User) -> InvitationQuerySet:
    everywhere: InvitationQuerySet = Invitation.objects.unscoped(
        "a person's own invitations, across workspaces"
    )
    return everywhere.filter(email=user.email)


def accept_own(invitation_id: UUID, user: User, actor: Actor) -> Workspace:
    """Accept one of `own_invitations`. Raises NoInvitation."""
    with person_scope(user.pk):
        invitation = _own(user).filter(pk=invitation_id).first()
    if invitation is None:
        raise NoInvitation
    with acting(actor), workspace_scope(invitation.workspace_id, user_id=user.pk):
        _hold(user)
        return _accept(_vouched_for(_locked(pk=invitation_id)), user)


def accept(link: Link, user: User, actor: Actor) -> Workspace:
    """Make the person whom the invitation is for a member. Raises NoInvitation."""
    with acting(actor), workspace_scope(link.workspace_id, user_id=user.pk):
        _hold(user)
        return _accept(_offer(link, lock=True), user)


@sensitive_variables()
def accept_as_newcomer(
    link: Link, *, name: str, password: str, request: HttpRequest
) -> tuple[User, Workspace]:
    """Make an account for the invited address, and its person a member: both or neither.

    Raises NoInvitation, also where newcomers are not let in by this link, and AccountExists.
    """
    hashed = make_password(password)  # takes a while, and nobody should wait for it
    try:
        with transaction.atomic():
            with workspace_scope(link.workspace_id):
                offer = _offer(link, lock=True)  # the lock holds to the end of the transaction
            if not offer.admits_newcomers:
                raise NoInvitation
            with platform_scope("make an account for somebody who was invited"):
                user = make_account(
                    offer.email, name, password=hashed, verified=offer.proves_address
                )
            actor = Actor("person", user.email, str(user.pk), **origin(request))
            with acting(actor), workspace_scope(link.workspace_id, user_id=user.pk):
                return user, _accept(_offer(link, lock=True), user, made=True)
    except IntegrityError as error:
        if "email" in str(error):  # made at this moment by other means
            raise AccountExists from error
        raise


@sensitive_variables()
def mail_again(link: Link, send: Callable[[Invitation, str], None], actor: Actor) -> None:
    """Have the invited address mailed a link of its own, at most once a minute; who asks holds the
    copied one. `send` is called in the workspace's scope. Raises NoInvitation, and what it raises.
    """
    with acting(actor), workspace_scope(link.workspace_id):
        invitation = _offer(link, lock=True).invitation
        now = timezone.now()
        if invitation.mailed_at is not None and now - invitation.mailed_at < MAILED_EVERY:
            return
        secret = new_secret(link.workspace_id)
        invitation.mail_digest, invitation.mailed_at = digest_of(secret), now
        invitation.save(update_fields=["mail_digest", "mailed_at"])
        record("invitation.send", invitation)
        send(invitation, secret)


def _offer(link: Link, *, lock: bool = False) -> Offer:
    """Look a link up in the scope of its workspace."""
    by_digest = Q(link_digest=link.digest) | Q(mail_digest=link.digest)
    found = _locked(by_digest) if lock else Invitation.objects.filter(by_digest).first()
    return _vouched_for(found, proves_address=found is not None and _mailed(found, link))


def _mailed(invitation: Invitation, link: Link) -> bool:
    return invitation.mail_digest is not None and bytes(invitation.mail_digest) == link.digest


def _hold(user: User) -> None:
    """Keep the account from being closed meanwhile: whoever closes it locks it, then each of its
    workspaces, and so must whoever adds one. Raises NoInvitation for one that is closed."""
    with connection.cursor() as cursor:
        held = "SELECT is_active FROM accounts_user WHERE id = %s FOR KEY SHARE"
        cursor.execute(held, [user.pk])
        if cursor.fetchone() != (True,):
            raise NoInvitation


def _locked(*conditions: Q, **fields: object) -> Invitation | None:
    """Wait for whoever changes the workspace's members, then for whoever changes the invitation."""
    found = Invitation.objects.filter(*conditions, **fields).first()
    if found is None:
        return None
    Workspace.objects.select_for_update(no_key=True).get(pk=found.workspace_id)
    locked: Invitation | None = (
        Invitation.objects.select_for_update(no_key=True).filter(*conditions, **fields).first()
    )
    return locked


def _vouched_for(invitation: Invitation | None, *, proves_address: bool = False) -> Offer:
    """Return the offer if it stands: open, in a workspace at work, by somebody who may make it."""
    if invitation is None or not invitation.is_open or invitation.workspace.is_suspended:
        raise NoInvitation
    inviter = (
        Membership.objects.select_related("user")
        .filter(user=invitation.invited_by_id, user__is_active=True)
        .first()
    )
    if inviter is None or not may_invite(inviter, Role(invitation.role)):
        raise NoInvitation
    return Offer(invitation, invitation.workspace, inviter.user, proves_address)


def _accept(offer: Offer, user: User, *, made: bool = False) -> Workspace:
    invitation = offer.invitation
    if user.email != invitation.email:
        raise NoInvitation
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    # Whom somebody has added meanwhile keeps the role that they were given.
    _member, is_new = Membership.objects.get_or_create(
        workspace_id=invitation.workspace_id,
        user=user,
        defaults={"role": invitation.role},
    )
    changes = {"role": (None, invitation.role)} if is_new else {}
    if made:
        changes["account"] = (None, "made")
    record("invitation.accept", invitation, changes=changes)
    return offer.workspace
