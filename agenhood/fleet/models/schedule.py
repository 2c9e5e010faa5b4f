"""Tasks that begin by themselves."""

from django.conf import settings
from django.db import models

from agenhood.fleet.models.agent import Agent
from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.models import WorkspaceOwned


class Schedule(WorkspaceOwned):
    """What an agent is asked again and again, or once later: at the times of `cron`, in its time
    zone, or at `once_at`. Not both.

    Each time begins a conversation as `acts_as`, who must still have the right to. `next_at` is
    None when there is no next time. `job` is the number of the queued job that waits for it.
    """

    class Overlap(models.TextChoices):
        SKIP = "skip", "Skip it"
        QUEUE = "queue", "Queue it"

    agent = models.ForeignKey(
        Agent, models.CASCADE, db_constraint=False, db_index=False, related_name="schedules"
    )
    name = models.CharField(max_length=60)
    input = models.TextField(max_length=100_000)
    cron = models.CharField(max_length=100, blank=True)
    once_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    overlap = models.CharField(
        "if the last task still runs", max_length=5, choices=Overlap, default=Overlap.SKIP
    )
    is_enabled = models.BooleanField(default=True, editable=False)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    acts_as = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    next_at = models.DateTimeField(null=True, editable=False)
    last_at = models.DateTimeField(null=True, editable=False)
    job = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("agent", on_delete="CASCADE"),
            UniquePerWorkspace(
                "name",
                violation_error_message="This workspace already has a schedule of that name.",
            ),
            models.CheckConstraint(
                condition=models.Q(cron="") ^ models.Q(once_at=None),
                name="fleet_schedule_cron_or_once",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "agent"], name="fleet_schedule_agent")]

    def __str__(self) -> str:
        return self.name
