"""Long-lived workers, how each is set up, and how it was before."""

from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from agenhood.fleet.models.credential import Credential
from agenhood.fleet.models.project import Project
from agenhood.fleet.models.prompt import Prompt, PromptLabel, PromptVersion
from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.managers import ScopedManager, ScopedQuerySet
from workspaces.models import WorkspaceOwned

validate_variable = RegexValidator(
    r"^[A-Z_][A-Z0-9_]*\Z", "Use upper-case letters, digits and underscores."
)


def _between(low: int, high: int) -> list[Any]:
    return [MinValueValidator(low), MaxValueValidator(high)]


class AgentQuerySet(ScopedQuerySet["Agent"]):
    def named_like(self, words: str) -> "AgentQuerySet":
        """Keep agents whose name contains each of the words, in any case and order."""
        found = self
        for word in words.split():
            found = found.filter(name__icontains=word)
        return found

    def active(self) -> "AgentQuerySet":
        return self.exclude(state=Agent.State.ARCHIVED)

    def archived(self) -> "AgentQuerySet":
        return self.filter(state=Agent.State.ARCHIVED)


class Agent(WorkspaceOwned):
    """A long-lived worker that runs tasks inside its own sandbox.

    Its fields are its configuration now; each saved configuration is an AgentRevision, too. Limits
    are for one task; `max_attempts` counts its first, `output_schema` is the JSON Schema that an
    answer is checked against, if any.
    `tools` is a list of {"name", "ask_first"}, `network_hosts` of host names, `environment` has
    the plain values by name. Agents are archived, never deleted: history speaks of them.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        ARCHIVED = "archived"
        ERROR = "error"

    class Driver(models.TextChoices):
        LLM = "llm", "Language model"
        COMMAND = "command", "Command"

    project = models.ForeignKey(Project, models.PROTECT, db_constraint=False, related_name="agents")
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    driver = models.CharField(max_length=7, choices=Driver, default=Driver.LLM)
    command = models.TextField(max_length=2000, blank=True)
    model = models.CharField(max_length=100, blank=True)
    provider_credential = models.ForeignKey(
        Credential, models.PROTECT, null=True, blank=True, db_constraint=False, related_name="+"
    )
    prompt = models.ForeignKey(
        Prompt, models.PROTECT, null=True, blank=True, db_constraint=False, related_name="agents"
    )
    # Of the prompt: the label's version at a task's start, or always the same one. Not both.
    prompt_label = models.ForeignKey(
        PromptLabel,
        models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="agents",
    )
    prompt_version = models.ForeignKey(
        PromptVersion,
        models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        related_name="agents",
    )
    tools = models.JSONField(default=list, blank=True)
    wall_seconds = models.PositiveIntegerField(default=600, validators=_between(5, 86_400))
    max_iterations = models.PositiveIntegerField(default=25, validators=_between(1, 500))
    max_tokens = models.PositiveIntegerField(default=100_000, validators=_between(1000, 10_000_000))
    max_cost_cents = models.PositiveIntegerField(
        default=500, db_default=500, validators=_between(1, 1_000_000)
    )
    max_attempts = models.PositiveIntegerField(default=2, db_default=2, validators=_between(1, 5))
    memory_mb = models.PositiveIntegerField(default=512, validators=_between(64, 65_536))
    max_processes = models.PositiveIntegerField(default=64, validators=_between(1, 1024))
    disk_mb = models.PositiveIntegerField(default=512, validators=_between(16, 102_400))
    network_allowed = models.BooleanField(default=False)
    network_hosts = models.JSONField(default=list, blank=True)
    environment = models.JSONField(default=dict, blank=True)
    output_schema = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING, editable=False)
    state_reason = models.CharField(max_length=200, blank=True, editable=False)
    state_since = models.DateTimeField(auto_now_add=True)
    revision = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = ScopedManager.from_queryset(AgentQuerySet)()

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("project"),
            SameWorkspace("provider_credential"),
            SameWorkspace("prompt"),
            SameWorkspace("prompt_label"),
            SameWorkspace("prompt_version"),
            UniquePerWorkspace(
                "name", violation_error_message="This workspace already has an agent of that name."
            ),
            models.CheckConstraint(
                condition=models.Q(prompt_label=None) | models.Q(prompt_version=None),
                name="fleet_agent_one_prompt_text",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "paused", "archived", "error"]),
                name="fleet_agent_state",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CredentialGrant(WorkspaceOwned):
    """A credential that an agent's tools get, as an environment variable of this name."""

    agent = models.ForeignKey(
        Agent, models.CASCADE, db_constraint=False, related_name="grants", editable=False
    )
    credential = models.ForeignKey(
        Credential, models.PROTECT, db_constraint=False, related_name="grants"
    )
    variable = models.CharField(max_length=60, validators=[validate_variable])

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("agent", on_delete="CASCADE"),
            SameWorkspace("credential"),
            models.UniqueConstraint(
                fields=["workspace", "agent", "variable"], name="fleet_credentialgrant_once"
            ),
        ]

    def __str__(self) -> str:
        return self.variable


class AgentSecret(WorkspaceOwned):
    """A secret value of an agent's environment: sealed, write-only, this agent's alone."""

    agent = models.ForeignKey(
        Agent, models.CASCADE, db_constraint=False, related_name="secrets", editable=False
    )
    variable = models.CharField(max_length=60, validators=[validate_variable])
    sealed = models.BinaryField(editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    set_in = models.PositiveIntegerField(editable=False)  # the revision that brought this value
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("agent", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "agent", "variable"], name="fleet_agentsecret_once"
            ),
        ]

    def __str__(self) -> str:
        return self.variable


class AgentRevision(WorkspaceOwned):
    """An agent's configuration as it was saved, numbered from 1. Holds no secret value.

    It never changes: the database refuses it.
    """

    agent = models.ForeignKey(
        Agent, models.CASCADE, db_constraint=False, related_name="revisions", editable=False
    )
    number = models.PositiveIntegerField(editable=False)
    configuration = models.JSONField(editable=False)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            SameWorkspace("agent", on_delete="CASCADE"),
            models.UniqueConstraint(
                fields=["workspace", "agent", "number"], name="fleet_agentrevision_number"
            ),
        ]

    def __str__(self) -> str:
        return f"r{self.number}"


class AgentTemplate(WorkspaceOwned):
    """A configuration to make agents from. Holds no secret value."""

    name = models.CharField(max_length=60)
    description = models.CharField(max_length=200, blank=True)
    configuration = models.JSONField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(WorkspaceOwned.Meta):
        constraints = [
            *WorkspaceOwned.Meta.constraints,
            UniquePerWorkspace(
                "name",
                violation_error_message="This workspace already has a template of that name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
