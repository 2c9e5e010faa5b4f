"""The tenant, who belongs to it, and the base of everything that it owns."""

from collections.abc import Collection
from enum import StrEnum
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.urls import reverse
from uuid_utils.compat import uuid7

from workspaces.database.constraints import WorkspaceIsolation
from workspaces.managers import ControlManager, ScopedManager, WorkspaceMismatch
from workspaces.permissions import holds
from workspaces.roles import Role
from workspaces.scope import CLOSE_CURSORS, SecondFactorMissing, current_scope

ENTER = "SELECT * FROM workspaces.enter(%s, %s)"

validate_slug = RegexValidator(
    r"^[a-z0-9]+(-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens."
)


class Workspace(models.Model):
    """A tenant. Its row is seen by its members and the platform; row security sees to it."""

    class Colour(models.TextChoices):
        SLATE = "slate"
        RED = "red"
        ORANGE = "orange"
        AMBER = "amber"
        GREEN = "green"
        TEAL = "teal"
        BLUE = "blue"
        VIOLET = "violet"
        PINK = "pink"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60)
    slug = models.CharField(
        max_length=40,
        unique=True,
        validators=[validate_slug],
        help_text="Stands in every address of the workspace.",
    )
    colour = models.CharField(max_length=6, choices=Colour, default=Colour.BLUE)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    suspension_reason = models.CharField(max_length=200, blank=True)
    requires_second_factor = models.BooleanField(
        "require a second factor",
        default=False,
        db_default=False,
        help_text="Members without one are asked to set it up before they may enter.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # What it may have at most, set by the platform. Tokens and spend: no limit where there is none.
    max_running_tasks = models.PositiveIntegerField(
        "tasks at once", default=4, db_default=4, validators=[MinValueValidator(1)]
    )
    max_queued_tasks = models.PositiveIntegerField(
        "tasks in the queue", default=1000, db_default=1000
    )
    max_tokens_per_day = models.PositiveBigIntegerField("tokens per day", null=True, blank=True)
    max_tokens_per_month = models.PositiveBigIntegerField("tokens per month", null=True, blank=True)
    max_cents_per_day = models.PositiveBigIntegerField("US cents per day", null=True, blank=True)
    max_cents_per_month = models.PositiveBigIntegerField(
        "US cents per month", null=True, blank=True
    )

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("workspaces:home", args=[self.slug])

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def suspension(self) -> str:
        """Return what its members are told of its being suspended, staff's reason included."""
        reason = f": {self.suspension_reason}" if self.suspension_reason else ""
        return f"{self.name} is suspended{reason}"

    @property
    def initials(self) -> str:
        """Return one or two letters for the avatar."""
        words = self.name.split()
        letters = words[0][0] + words[1][0] if len(words) > 1 else self.name.strip()[:2]
        return letters.upper()


class Membership(models.Model):
    """A person in a workspace, and their role there.

    `objects` is the active workspace's members, and everybody's to the platform. A person's own
    memberships in all workspaces are `objects.unscoped(…)` inside `person_scope`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    # People are deactivated, never deleted while they belong anywhere.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ControlManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user"],
                name="workspaces_membership_once",
                violation_error_message="This person is already a member.",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="workspaces_membership_role"
            ),
            # What belongs to a member refers to both: SameWorkspace.
            models.UniqueConstraint(fields=["workspace", "id"], name="workspaces_membership_key"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"

    def may(self, permission: StrEnum) -> bool:
        return holds(Role(self.role), permission)

    @property
    def audit_label(self) -> str:
        """What the audit trail calls it: the email, which unlike a name is nobody else's."""
        return self.user.email

    def adopt(self) -> None:
        """Check before a bulk write that the row is of the active workspace."""
        adopt(self)

    # What `workspaces.enter()` returns (migrations/0009_required_second_factor.py), in the models'
    # order, which `from_db` needs. Fields that it does not return are loaded when asked for.
    _entered_fields = ("id", "workspace_id", "user_id", "role", "created_at")
    _entered_workspace_fields = (
        "id",
        "name",
        "slug",
        "colour",
        "suspended_at",
        "suspension_reason",
        "requires_second_factor",
        "created_at",
    )

    @classmethod
    def enter(cls, connection: BaseDatabaseWrapper, slug: str, user_id: Any) -> "Membership | None":
        """Ask for a person's membership and enter its workspace, in one message.

        Returns the membership with its `workspace`, or None, which leaves the transaction without
        a workspace. Call it inside a transaction. Raises SecondFactorMissing, which does so too.
        """
        with connection.cursor() as cursor:
            cursor.execute(ENTER + CLOSE_CURSORS, [slug, user_id])
            row = cursor.fetchone()
        if row is None:
            return None
        *row, second_factor_missing = row
        split = len(cls._entered_fields)
        membership = cls.from_db(connection.alias, cls._entered_fields, row[:split])
        membership.workspace = Workspace.from_db(
            connection.alias, cls._entered_workspace_fields, row[split:]
        )
        if second_factor_missing:
            raise SecondFactorMissing(slug)
        return membership


class WorkspaceOwned(models.Model):
    """Base of every model that a workspace owns.

    Creating a row fills in the active workspace; any other one raises WorkspaceMismatch. A model
    with constraints of its own lists `*WorkspaceOwned.Meta.constraints` first.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", editable=False)

    objects: ClassVar[ScopedManager[Any]] = ScopedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        constraints: ClassVar[list[models.BaseConstraint]] = [WorkspaceIsolation()]

    def adopt(self) -> None:
        """Fill in the active workspace, or raise WorkspaceMismatch if the row is of another."""
        adopt(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.adopt()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self.adopt()
        return super().delete(*args, **kwargs)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        self.adopt()  # uniqueness per workspace needs it, and no form has it as a field
        super().validate_constraints(exclude=exclude)


def adopt(row: Any) -> None:
    """Make a new row the active workspace's; raise WorkspaceMismatch for one that is another's."""
    active = current_scope().workspace_id
    if row.workspace_id is None:
        row.workspace_id = active
    if row.workspace_id != active:
        raise WorkspaceMismatch(f"This {row._meta.verbose_name} is of another workspace.")
    for field in row._meta.concrete_fields:
        named = field.is_cached(row) and getattr(row, field.name) if field.is_relation else None
        if not isinstance(named, WorkspaceOwned | Membership):
            continue
        if named.workspace_id not in (None, active):
            raise WorkspaceMismatch(f"The {field.verbose_name} is of another workspace.")


# Derived from what stands above; Django looks for an app's models here.
from workspaces.audit.models import AuditEntry, AuditHead, AuditStub  # noqa: E402, F401
from workspaces.exports.models import Export  # noqa: E402, F401
from workspaces.invitations.models import Invitation  # noqa: E402, F401
from workspaces.secrets.models import MasterKeyCheck, WorkspaceKey  # noqa: E402, F401
from workspaces.tokens.models import ServiceAccount, Token  # noqa: E402, F401
