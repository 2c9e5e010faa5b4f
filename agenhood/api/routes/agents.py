from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as actions
from agenhood.fleet.forms.agent import AgentForm, plain_data
from agenhood.fleet.models import Agent, AgentRevision
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Agents"])

State = Literal["running", "paused", "archived", "error"]


class Tool(Schema):
    name: str
    ask_first: bool = False


class Grant(Schema):
    """A credential that the agent's tools get as the environment variable `variable`."""

    credential: UUID
    variable: str


class AgentIn(Schema):
    """`prompt_text` is "label:<id>", the label's version when a task starts, or "version:<id>".

    `secrets` maps a variable to its value, or to null to keep the stored one; stored ones that are
    not named are removed. Values are never answered. `output_schema` is a JSON Schema that each
    answer of a model has to satisfy.
    """

    name: str = Field(min_length=1, max_length=60)
    description: str = Field("", max_length=200)
    project: UUID
    driver: Literal["llm", "command"] = "llm"
    command: str = Field("", max_length=2000)
    model: str = Field("", max_length=100)
    provider_credential: UUID | None = None
    prompt_text: str = ""
    tools: list[Tool] = []
    wall_seconds: int = 600
    max_iterations: int = 25
    max_tokens: int = 100_000
    max_cost_cents: int = 500
    max_attempts: int = 2
    memory_mb: int = 512
    max_processes: int = 64
    disk_mb: int = 512
    network_allowed: bool = False
    network_hosts: list[str] = []
    grants: list[Grant] = []
    environment: dict[str, str] = {}
    secrets: dict[str, str | None] = {}
    output_schema: dict[str, Any] | None = None
    note: str = Field("", max_length=200)


class AgentChange(Schema):
    """Only what is sent changes. `revision`, if sent, must still be the agent's: else 409."""

    revision: int | None = None
    name: str | None = Field(None, min_length=1, max_length=60)
    description: str | None = Field(None, max_length=200)
    project: UUID | None = None
    driver: Literal["llm", "command"] | None = None
    command: str | None = Field(None, max_length=2000)
    model: str | None = Field(None, max_length=100)
    provider_credential: UUID | None = None
    prompt_text: str | None = None
    tools: list[Tool] | None = None
    wall_seconds: int | None = None
    max_iterations: int | None = None
    max_tokens: int | None = None
    max_cost_cents: int | None = None
    max_attempts: int | None = None
    memory_mb: int | None = None
    max_processes: int | None = None
    disk_mb: int | None = None
    network_allowed: bool | None = None
    network_hosts: list[str] | None = None
    grants: list[Grant] | None = None
    environment: dict[str, str] | None = None
    secrets: dict[str, str | None] | None = None
    output_schema: dict[str, Any] | None = None
    note: str = Field("", max_length=200)


class AgentListed(Schema):
    id: UUID
    name: str
    description: str
    project_id: UUID
    driver: str
    state: State
    state_reason: str
    state_since: datetime
    revision: int
    created_at: datetime


class AgentOut(AgentListed):
    """`configuration` refers to other things by id and name, to secrets by variable alone."""

    configuration: dict[str, Any]

    @staticmethod
    def resolve_configuration(agent: Agent, context: Any) -> dict[str, Any]:
        names = context["request"].holder.may(FleetPermission.CREDENTIAL_VIEW)
        return shown(configuration.of_agent(agent), names_credentials=names)


class RevisionOut(Schema):
    number: int
    note: str
    created_at: datetime
    configuration: dict[str, Any]

    @staticmethod
    def resolve_configuration(revision: AgentRevision, context: Any) -> dict[str, Any]:
        names = context["request"].holder.may(FleetPermission.CREDENTIAL_VIEW)
        return shown(revision.configuration, names_credentials=names)


def shown(document: dict[str, Any], *, names_credentials: bool) -> dict[str, Any]:
    """Return a configuration for those who may see credentials' names, or without them."""
    if names_credentials:
        return document
    hidden = {"name": configuration.HIDDEN}
    grants = [grant | {"credential": hidden} for grant in document.get("grants", [])]
    provider = hidden if document.get("provider_credential") else None
    return document | {"grants": grants, "provider_credential": provider}


@router.get("", response={200: Listed[AgentListed]} | READS)
@allowed(FleetPermission.AGENT_VIEW)
def list_agents(
    request: ApiRequest,
    cursor: Query[Cursor],
    state: State | None = None,
    project: UUID | None = None,
) -> dict[str, Any]:
    """List agents; archived ones only when asked for by `state`."""
    agents = Agent.objects.filter(state=state) if state else Agent.objects.active()
    if project:
        agents = agents.filter(project_id=project)
    return newest_first(agents, cursor)


@router.post("", response={201: AgentOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.AGENT_EDIT)
def create_agent(request: ApiRequest, payload: AgentIn) -> Status[Agent]:
    form = checked(AgentForm(payload.model_dump(mode="json")))
    note = form.cleaned_data["note"]
    return Status(201, actions.create(setup=form.setup(), by=request.person, note=note))


@router.get("/{uuid:agent_id}", response={200: AgentOut} | READS)
@allowed(FleetPermission.AGENT_VIEW)
def get_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    return _agent(agent_id)


@router.patch("/{uuid:agent_id}", response={200: AgentOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def change_agent(request: ApiRequest, agent_id: UUID, payload: AgentChange) -> Agent:
    agent = _agent(agent_id)
    sent = payload.model_dump(mode="json", exclude_unset=True)
    seen = sent.pop("revision", None) or agent.revision
    form = checked(AgentForm(plain_data(configuration.of_agent(agent)) | sent, instance=agent))
    note = form.cleaned_data["note"]
    agent = _agent(agent_id)  # a ModelForm writes on its instance; the action compares with this
    actions.change(agent, setup=form.setup(), by=request.person, seen=seen, note=note)
    return _agent(agent_id)


@router.post("/{uuid:agent_id}/pause", response={200: AgentOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def pause_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    agent = _agent(agent_id)
    actions.pause(agent)
    return agent


@router.post("/{uuid:agent_id}/resume", response={200: AgentOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def resume_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    agent = _agent(agent_id)
    actions.resume(agent)
    return agent


@router.post("/{uuid:agent_id}/archive", response={200: AgentOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def archive_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    agent = _agent(agent_id)
    actions.archive(agent)
    return agent


@router.post("/{uuid:agent_id}/restore", response={200: AgentOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def restore_agent(request: ApiRequest, agent_id: UUID) -> Agent:
    agent = _agent(agent_id)
    actions.restore(agent)
    return agent


@router.get("/{uuid:agent_id}/revisions", response={200: Listed[RevisionOut]} | READS)
@allowed(FleetPermission.AGENT_VIEW)
def list_revisions(request: ApiRequest, agent_id: UUID, cursor: Query[Cursor]) -> dict[str, Any]:
    return newest_first(_agent(agent_id).revisions.all(), cursor, key="number")


@router.post("/{uuid:agent_id}/revisions/{int:number}/restore", response={200: AgentOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def restore_revision(request: ApiRequest, agent_id: UUID, number: int) -> Agent:
    """Configure the agent as it was, as a new revision."""
    agent = _agent(agent_id)
    get_object_or_404(agent.revisions, number=number)
    actions.restore_revision(agent, number, by=request.person)
    return _agent(agent_id)


def _agent(agent_id: UUID) -> Agent:
    return get_object_or_404(Agent.objects, pk=agent_id)
