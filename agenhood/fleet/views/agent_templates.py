"""Templates of a workspace: configurations to make agents from."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.htmx import is_partial
from agenhood.fleet import configuration
from agenhood.fleet.actions import agent_template as actions
from agenhood.fleet.actions.agent import AgentRefused
from agenhood.fleet.forms.agent import AgentTemplateForm
from agenhood.fleet.models import AgentTemplate
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.agent import find_agent, in_sections, sees_credentials
from workspaces.permissions import requires
from workspaces.requests import MemberRequest


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def template_list(request: MemberRequest) -> HttpResponse:
    page = page_by_name(AgentTemplate.objects.all(), request.GET)
    authors = creators(page.rows)
    context = {
        "rows": [(template, authors[template.created_by_id]) for template in page.rows],
        "newer_url": page.previous,
        "older_url": page.next,
    }
    return render(request, "fleet/template_list.html", context)


@require_safe
@requires(FleetPermission.AGENT_VIEW)
def template_detail(request: MemberRequest, template_id: UUID) -> HttpResponse:
    template = _template(request, template_id)
    lines = configuration.lines(template.configuration, names_credentials=sees_credentials(request))
    context = {"template": template, "sections": in_sections(lines)}
    return render(request, "fleet/template_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.AGENT_EDIT)
def template_create(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    """Save an agent as a template."""
    agent = find_agent(request, agent_id)
    form = AgentTemplateForm(
        request.POST if request.method == "POST" else None,
        initial={"name": agent.name, "description": agent.description},
    )
    if request.method == "POST" and form.is_valid():
        try:
            template = actions.save_as_template(agent, by=request.user, **form.cleaned_data)
            return redirect("fleet:agent-template-detail", request.workspace.slug, template.pk)
        except AgentRefused as refused:
            form.add_error("name", ValidationError(str(refused)))
    return _form(request, "create", {"agent": agent, "form": form})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.AGENT_EDIT)
def template_rename(request: MemberRequest, template_id: UUID) -> HttpResponse:
    template = _template(request, template_id)
    form = AgentTemplateForm(
        request.POST if request.method == "POST" else None,
        instance=_template(request, template_id),
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.rename(template, **form.cleaned_data)
            return redirect("fleet:agent-template-detail", request.workspace.slug, template.pk)
        except AgentRefused as refused:
            form.add_error("name", ValidationError(str(refused)))
    return _form(request, "rename", {"template": template, "form": form})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.AGENT_EDIT)
def template_delete(request: MemberRequest, template_id: UUID) -> HttpResponse:
    template = _template(request, template_id)
    if request.method == "POST":
        actions.delete(template)
        return redirect("fleet:agent-template-list", request.workspace.slug)
    return render(request, "fleet/template_delete.html", {"template": template})


def _template(request: MemberRequest, template_id: UUID) -> AgentTemplate:
    """Return the template; before it is changed, locked until the answer is made."""
    reads = request.method in ("GET", "HEAD")
    templates = AgentTemplate.objects if reads else AgentTemplate.objects.select_for_update()
    return get_object_or_404(templates, pk=template_id)


def _form(request: MemberRequest, page: str, context: dict[str, Any]) -> HttpResponse:
    template = f"fleet/template_{page}.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=422 if request.method == "POST" else 200)
