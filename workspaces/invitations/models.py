"""Who has been invited to a workspace, in which role, and until when."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from uuid_utils.compat import uuid7

from workspaces.managers import ControlManager, ScopedQuerySet
from workspaces.models import Workspace, adopt
from workspaces.roles import Role

# Neither accepted nor revoked; it may have expired.
UNSETTLED = Q(accepted_at=None, revoked_at=None)


class InvitationQuerySet(ScopedQuerySet["Invitation"]):
    def unsettled(self) -> "InvitationQuerySet":
        return self.filter(UNSETTLED)

    def open(self) -> "InvitationQuerySet":
        """Keep those that can be accepted, as far as the row tells."""
        return self.filter(UNSETTLED, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """An address that may become a member of a workspace, once.

    There are two secrets, each stored as a hash alone: the mail carries one, which the inviter
    never sees and which thus proves the address; the other one is the link that the inviter copies.

    A control table, as Membership: `objects` is the active workspace's invitations. Those of a
    person are `objects.unscoped(…)` inside `person_scope`: row security shows them those to an
    address that they have proven to be theirs.
    """

    ROLES = [role for role in Role if role != Role.OWNER]

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", editable=False)
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=[(role.value, role.label) for role in ROLES])
    # Whoever made or renewed it last, and vouches for it: their role is asked on acceptance.
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    link_digest = models.BinaryField(max_length=32, null=True, editable=False)
    mail_digest = models.BinaryField(max_length=32, null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[Any] = ControlManager.from_queryset(InvitationQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=UNSETTLED,
                name="workspaces_invitation_open_once",
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="workspaces_invitation_email_lower_case"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["admin", "operator", "viewer", "auditor"]),
                name="workspaces_invitation_role",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | Q(revoked_at=None),
                name="workspaces_invitation_settled_once",
            ),
        ]
        indexes = [
            models.Index(fields=["email"], condition=UNSETTLED, name="workspaces_invitation_email"),
            models.Index(fields=["workspace", "link_digest"], name="workspaces_invitation_link"),
            models.Index(fields=["workspace", "mail_digest"], name="workspaces_invitation_mail"),
        ]

    def __str__(self) -> str:
        return self.email

    def adopt(self) -> None:
        """Check before a write that the row is of the active workspace."""
        adopt(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.adopt()
        super().save(*args, **kwargs)

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and not self.is_expired
