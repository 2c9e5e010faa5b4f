from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked, locked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.api.routes.agents import shown
from agenhood.fleet.actions import agent_template as actions
from agenhood.fleet.forms.agent import AgentTemplateForm
from agenhood.fleet.models import Agent, AgentTemplate
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Agent templates"])


class TemplateIn(Schema):
    """`agent` is whose configuration the template keeps."""

    agent: UUID
    name: str = Field(min_length=1, max_length=60)
    description: str = Field("", max_length=200)


class TemplateChange(Schema):
    name: str = Field(min_length=1, max_length=60)
    description: str = Field("", max_length=200)


class TemplateOut(Schema):
    id: UUID
    name: str
    description: str
    created_at: datetime
    configuration: dict[str, Any]

    @staticmethod
    def resolve_configuration(template: AgentTemplate, context: Any) -> dict[str, Any]:
        names = context["request"].holder.may(FleetPermission.CREDENTIAL_VIEW)
        return shown(template.configuration, names_credentials=names)


@router.get("", response={200: Listed[TemplateOut]} | READS)
@allowed(FleetPermission.AGENT_VIEW)
def list_templates(request: ApiRequest, cursor: Query[Cursor]) -> dict[str, Any]:
    return newest_first(AgentTemplate.objects.all(), cursor)


@router.post("", response={201: TemplateOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.AGENT_EDIT)
def create_template(request: ApiRequest, payload: TemplateIn) -> Status[AgentTemplate]:
    agent = get_object_or_404(Agent.objects, pk=payload.agent)
    cleaned = checked(AgentTemplateForm(payload.dict())).cleaned_data
    return Status(201, actions.save_as_template(agent, by=request.person, **cleaned))


@router.get("/{uuid:template_id}", response={200: TemplateOut} | READS)
@allowed(FleetPermission.AGENT_VIEW)
def get_template(request: ApiRequest, template_id: UUID) -> AgentTemplate:
    return get_object_or_404(AgentTemplate.objects, pk=template_id)


@router.patch("/{uuid:template_id}", response={200: TemplateOut} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def change_template(
    request: ApiRequest, template_id: UUID, payload: TemplateChange
) -> AgentTemplate:
    template = locked(AgentTemplate.objects, template_id)
    cleaned = checked(AgentTemplateForm(payload.dict(), instance=template)).cleaned_data
    actions.rename(template, **cleaned)
    return get_object_or_404(AgentTemplate.objects, pk=template_id)


@router.delete("/{uuid:template_id}", response={204: None} | WRITES)
@allowed(FleetPermission.AGENT_EDIT)
def delete_template(request: ApiRequest, template_id: UUID) -> Status[None]:
    actions.delete(locked(AgentTemplate.objects, template_id))
    return Status(204, None)
