"""What the audit trail is stored in. The database fills in and guards what makes it a chain:
migrations/0004_audit_trail.py."""

from django.db import models

from workspaces.models import Workspace, WorkspaceOwned


class AuditEntry(WorkspaceOwned):
    """One action in a workspace: inserted once, changed and deleted by nobody.

    It refers to nothing: what it names may be gone, and its words stay as they were. `number`,
    `time`, `previous_hash` and `hash` are the database's own, whatever an insert says.
    `changes` is {field: [before, after]}.
    """

    class ActorKind(models.TextChoices):
        PERSON = "person"
        TOKEN = "token"  # noqa: S105 - a person's own token
        SERVICE_ACCOUNT = "service_account", "Service account"
        TASK = "task"
        STAFF = "staff", "Platform staff"
        SYSTEM = "system"

    class Outcome(models.TextChoices):
        DONE = "done"
        DENIED = "denied"
        FAILED = "failed"

    # Without an index of its own: every other one begins with it.
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="+", editable=False, db_index=False
    )
    number = models.BigIntegerField(editable=False)
    time = models.DateTimeField(editable=False)
    actor_kind = models.CharField(max_length=16, choices=ActorKind)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=254)
    on_behalf_of = models.CharField(max_length=254, blank=True)
    token_prefix = models.CharField(max_length=16, blank=True)
    session = models.CharField(max_length=16, blank=True)  # a hash: it opens nothing
    action = models.CharField(max_length=60)
    target_kind = models.CharField(max_length=40, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(max_length=254, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.DONE)
    reason = models.CharField(max_length=500, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    changes = models.JSONField(default=dict)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            models.UniqueConstraint(
                fields=["workspace", "number"], name="workspaces_auditentry_number"
            ),
        ]
        # The unique key lists all; each of the others lists one filter's, in the same order.
        indexes = [
            models.Index(
                fields=["workspace", "actor_label", "number"], name="workspaces_audit_actor"
            ),
            models.Index(fields=["workspace", "action", "number"], name="workspaces_audit_action"),
            models.Index(
                fields=["workspace", "target_id", "number"], name="workspaces_audit_target"
            ),
            models.Index(
                fields=["workspace", "target_label", "number"], name="workspaces_audit_label"
            ),
            models.Index(
                fields=["workspace", "number"],
                name="workspaces_audit_refusals",
                condition=~models.Q(outcome="done"),
            ),
            models.Index(fields=["workspace", "time"], name="workspaces_audit_time"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


class AuditHead(WorkspaceOwned):
    """The number, time and hash of a workspace's last entry. Only a new entry moves it.

    Its lock puts a workspace's entries in line; no other workspace waits for it.
    """

    number = models.BigIntegerField()
    time = models.DateTimeField()
    hash = models.BinaryField(max_length=32)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            models.UniqueConstraint(fields=["workspace"], name="workspaces_audithead_one"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {bytes(self.hash).hex()}"


class AuditStub(WorkspaceOwned):
    """What is left of entries that retention removed: up to which one, and its hash, signed.

    Their successor names that hash as the one before it, so that the chain still verifies.
    """

    first_number = models.BigIntegerField()
    last_number = models.BigIntegerField()
    last_time = models.DateTimeField()
    last_hash = models.BinaryField(max_length=32)
    removed_at = models.DateTimeField()
    signature = models.BinaryField()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            models.UniqueConstraint(
                fields=["workspace", "last_number"], name="workspaces_auditstub_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_number}-{self.last_number}"
