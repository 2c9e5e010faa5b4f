"""What a task needs while it runs, beside its events: answers of people, and a model's memory."""

from django.conf import settings
from django.db import models

from agenhood.fleet.models.history import Task
from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.models import WorkspaceOwned


class Approval(WorkspaceOwned):
    """A tool call that waits for a member to allow or deny it: the agent "asks first".

    `call` is the model's name for it. While one of its approvals is pending, a task is waiting.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ALLOWED = "allowed"
        DENIED = "denied"
        VOID = "void"  # the task ended before somebody answered

    task = models.ForeignKey(
        Task, models.CASCADE, db_constraint=False, db_index=False, related_name="approvals"
    )
    call = models.CharField(max_length=200)
    tool = models.CharField(max_length=40)
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State, default=State.PENDING)
    note = models.CharField(max_length=500, blank=True)  # what the model is told, of a denial
    created_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("task", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "task", "call"], name="fleet_approval_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "allowed", "denied", "void"]),
                name="fleet_approval_state",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-id"],
                condition=models.Q(state="pending"),
                name="fleet_approval_pending",
            )
        ]

    def __str__(self) -> str:
        return self.tool


class Transcript(WorkspaceOwned):
    """A task's messages as its driver exchanged them with the model, in the driver's own form.

    The next task of the conversation, and this one after an approval, go on from them.
    """

    task = models.ForeignKey(
        Task, models.CASCADE, db_constraint=False, db_index=False, related_name="transcripts"
    )
    messages = models.JSONField(default=list)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("task", on_delete="CASCADE"),
            models.UniqueConstraint(fields=["workspace", "task"], name="fleet_transcript_once"),
        ]

    def __str__(self) -> str:
        return str(self.task_id)


class ModelPrice(WorkspaceOwned):
    """What a model costs this workspace, in millionths of a US dollar for a million tokens."""

    model = models.CharField(max_length=100)
    input_micros = models.PositiveBigIntegerField("input tokens")
    output_micros = models.PositiveBigIntegerField("output tokens")

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            UniquePerWorkspace(
                "model", violation_error_message="This model has a price already: change that one."
            ),
        ]

    def __str__(self) -> str:
        return self.model
