"""What agents did: conversations, their tasks, each task's events and the files it produced."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from agenhood.fleet.models.agent import Agent
from agenhood.fleet.models.project import Project
from agenhood.fleet.models.schedule import Schedule
from workspaces.database.constraints import FoundBySearch, SameWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned


class Conversation(WorkspaceOwned):
    """A thread between people and one agent."""

    agent = models.ForeignKey(
        Agent, models.PROTECT, db_constraint=False, db_index=False, related_name="conversations"
    )
    title = models.CharField(max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, editable=False)

    class Meta(WorkspaceOwned.Meta):
        constraints = [*WorkspaceOwned.Meta.constraints, SameWorkspace("agent")]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="fleet_conversation_newest"),
            models.Index(fields=["workspace", "agent", "-id"], name="fleet_conversation_agent"),
        ]

    def __str__(self) -> str:
        return self.title


class TaskQuerySet(ScopedQuerySet["Task"]):
    def unfinished(self) -> "TaskQuerySet":
        return self.filter(state__in=Task.UNFINISHED)


class Task(WorkspaceOwned):
    """One unit of work in a conversation. Newest first is by id, which begins with the time.

    Costs are in millionths of a US dollar. `attempt` fences: what runs the task writes only while
    it is still the attempt that it began. `job` is the number of the queued job that will run it or
    does; a queued task without one waits until its workspace's or its agent's others have ended.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting", "Waiting for approval"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"
        TIMED_OUT = "timed_out", "Timed out"

    UNFINISHED: ClassVar[list[str]] = [State.QUEUED, State.RUNNING, State.WAITING]

    conversation = models.ForeignKey(
        Conversation, models.CASCADE, db_constraint=False, db_index=False, related_name="tasks"
    )
    # Of the conversation, and of its agent when the task began: what history is searched by.
    agent = models.ForeignKey(
        Agent, models.PROTECT, db_constraint=False, db_index=False, related_name="tasks"
    )
    project = models.ForeignKey(
        Project, models.PROTECT, db_constraint=False, db_index=False, related_name="tasks"
    )
    number = models.PositiveIntegerField()  # in its conversation, from 1
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    state_reason = models.CharField(max_length=500, blank=True)
    input = models.TextField(max_length=100_000)
    output = models.TextField(blank=True)
    agent_revision = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_micros = models.PositiveBigIntegerField(default=0)
    # The key of the form that submitted it, so that a second sending adds no second task.
    submission = models.UUIDField(null=True, editable=False)
    retry_of = models.PositiveIntegerField(null=True, editable=False)  # a number, as this one's
    schedule = models.ForeignKey(
        Schedule,
        models.SET_NULL,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="tasks",
        editable=False,
    )
    job = models.BigIntegerField(null=True, editable=False)
    worker = models.CharField(max_length=100, blank=True, db_default="", editable=False)
    cancel_requested_at = models.DateTimeField(null=True, editable=False)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        editable=False,
    )
    is_stopped_by_force = models.BooleanField(default=False, db_default=False, editable=False)

    objects: ClassVar[Any] = ScopedManager.from_queryset(TaskQuerySet)()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("conversation", on_delete="CASCADE"),
            SameWorkspace("agent"),
            SameWorkspace("project"),
            SameWorkspace("schedule", on_delete="SET NULL"),
            models.UniqueConstraint(
                fields=["workspace", "conversation", "number"], name="fleet_task_number"
            ),
            models.UniqueConstraint(
                fields=["workspace", "submission"], name="fleet_task_submission"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[
                        "queued",
                        "running",
                        "waiting",
                        "succeeded",
                        "failed",
                        "cancelled",
                        "timed_out",
                    ]
                ),
                name="fleet_task_state",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="fleet_task_newest"),
            models.Index(fields=["workspace", "agent", "-id"], name="fleet_task_agent"),
            models.Index(fields=["workspace", "project", "-id"], name="fleet_task_project"),
            models.Index(fields=["workspace", "state", "-id"], name="fleet_task_state_newest"),
            models.Index(fields=["workspace", "created_by", "-id"], name="fleet_task_person"),
            # The queue, in its order: few rows, however long the history.
            models.Index(
                fields=["workspace", "agent", "id"],
                condition=models.Q(state__in=["queued", "running", "waiting"]),
                name="fleet_task_unfinished",
            ),
            models.Index(
                fields=["workspace", "schedule", "-id"],
                condition=models.Q(schedule__isnull=False),
                name="fleet_task_schedule",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Event(WorkspaceOwned):
    """One step of a task, numbered from 1 without gaps."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        TOOL_CALL = "tool_call", "Tool call"
        TOOL_RESULT = "tool_result", "Tool result"
        OUTPUT = "output"
        FILE_CHANGE = "file_change", "File change"
        USAGE = "usage"
        STATE = "state"
        ERROR = "error"

    task = models.ForeignKey(
        Task, models.CASCADE, db_constraint=False, db_index=False, related_name="events"
    )
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=11, choices=Kind)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)  # what the kind has beside its text: a tool's name, …
    created_at = models.DateTimeField()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("task", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "task", "number"], name="fleet_event_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class Artifact(WorkspaceOwned):
    """A file that a task produced. `path` is the agent's name for it, never one on our disk."""

    task = models.ForeignKey(
        Task, models.CASCADE, db_constraint=False, db_index=False, related_name="artifacts"
    )
    path = models.CharField(max_length=400)
    size = models.PositiveBigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("task", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "task", "path"], name="fleet_artifact_path"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-id"], name="fleet_artifact_newest")]

    def __str__(self) -> str:
        return self.path


class SearchDocument(WorkspaceOwned):
    """What a task is found by: its texts and its events', and whose it is.

    `agenhood.fleet.search` writes and reads it. Reading takes what `FoundBySearch` allows, which is
    every document of the workspace unless a search is open.
    """

    task = models.ForeignKey(
        Task, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    # The events in it, counted from the first: a running task's newest ones may be missing.
    events = models.PositiveIntegerField(default=0)
    vector = SearchVectorField()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("task", on_delete="CASCADE"),
            FoundBySearch(),
            models.UniqueConstraint(fields=["workspace", "task"], name="fleet_searchdocument_once"),
        ]
        # Its words begin with the workspace's key. Without a list of pending entries, which every
        # search would read to its end, whosever they are.
        indexes = [GinIndex(fields=["vector"], fastupdate=False, name="fleet_searchdocument_words")]

    def __str__(self) -> str:
        return str(self.task_id)


class SavedView(WorkspaceOwned):
    """A person's own name for a selection of the history: its query string."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False, editable=False
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, editable=False)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            models.UniqueConstraint(
                fields=["workspace", "person", "name"],
                name="fleet_savedview_once",
                violation_error_message="You already have a view of that name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
