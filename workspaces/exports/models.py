"""A selection of a workspace's rows that somebody asked for as a file."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from workspaces.models import WorkspaceOwned

# A reader who keeps the page open longer than this has the file by then.
LINK_HOURS = 24
LONGEST_QUERY = 2000


class Export(WorkspaceOwned):
    """A file of rows, made in the background for the person who asked.

    `kind` names what is exported (`workspaces.exports.register`), `query` selects the rows, as a
    query string. `file` is the file's key in storage, of the attempt that finished.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        REFUSED = "refused"
        EXPIRED = "expired"

    class Format(models.TextChoices):
        NDJSON = "ndjson", "NDJSON"
        CSV = "csv", "CSV"

    kind = models.CharField(max_length=40)
    query = models.CharField(max_length=LONGEST_QUERY, blank=True)
    format = models.CharField(max_length=6, choices=Format)
    state = models.CharField(max_length=7, choices=State, default=State.QUEUED)
    error = models.CharField(max_length=200, blank=True)  # for the person who asked
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    attempt = models.PositiveIntegerField(default=0)  # the one that writes the file
    rows = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)  # bytes
    file = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["queued", "running", "ready", "failed", "refused", "expired"]
                ),
                name="workspaces_export_state",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (~models.Q(file="") & models.Q(expires_at__isnull=False)),
                name="workspaces_export_ready_has_file",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "requested_by", "-id"], name="workspaces_export_newest"
            ),
            models.Index(fields=["workspace", "state"], name="workspaces_export_state_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} · {self.get_format_display()}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def can_download(self) -> bool:
        """Whether there is a file whose link has not expired."""
        return (
            self.state == self.State.READY
            and self.expires_at is not None
            and self.expires_at > timezone.now()
        )
