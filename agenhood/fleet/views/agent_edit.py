"""Setting agents up: new ones, from a template or as a copy, and anew."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.htmx import is_partial
from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as actions
from agenhood.fleet.actions.agent import AgentRefused, EditConflict
from agenhood.fleet.forms.agent import AgentForm, plain_data
from agenhood.fleet.models import Agent, AgentTemplate
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.agent import agent_page, as_id, find_agent
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

TEMPLATES_OFFERED = 50


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(FleetPermission.AGENT_EDIT)
def agent_create(request: MemberRequest) -> HttpResponse:
    if request.method == "POST":
        form = AgentForm(request.POST)
        if form.is_valid():
            try:
                agent = actions.create(
                    setup=form.setup(), by=request.user, note=form.cleaned_data["note"]
                )
                return redirect("fleet:agent-detail", request.workspace.slug, agent.pk)
            except AgentRefused as refused:
                form.add_error(None, ValidationError(str(refused)))
        return _form(request, "create", {"form": form}, status=422)
    source, document = _source(request)
    gone: list[str] = []
    initial: dict[str, Any] = {}
    if document is not None:
        _setup, gone = configuration.setup_from(document)
        initial = plain_data(document)
        if isinstance(source, Agent):
            initial["name"] = f"{source.name[:53]} (copy)"
    elif project := as_id(request.GET.get("project")):
        initial["project"] = project
    context = {
        "form": AgentForm(initial=initial),
        "source": source,
        "gone": gone,
        "templates": AgentTemplate.objects.order_by("name")[:TEMPLATES_OFFERED],
    }
    return _form(request, "create", context)


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(FleetPermission.AGENT_EDIT)
def agent_edit(request: MemberRequest, agent_id: UUID) -> HttpResponse:
    agent = find_agent(request, agent_id)
    if agent.state == Agent.State.ARCHIVED:
        refusal = f"{agent} is archived: restore it before changing it."
        return agent_page(request, agent_id, refusal=refusal, status=409)
    if request.method == "GET":
        form = AgentForm(instance=agent, initial=plain_data(configuration.of_agent(agent)))
        return _form(request, "edit", {"form": form, "agent": agent, "seen": agent.revision})
    seen = _number(request.POST.get("revision"))
    form = AgentForm(request.POST, instance=agent)
    is_valid = form.is_valid()
    agent = find_agent(request, agent_id)  # a ModelForm leaves what was typed on its instance
    context = {"form": form, "agent": agent, "seen": seen}
    if not is_valid:
        return _form(request, "edit", context, status=422)
    try:
        actions.change(
            agent, setup=form.setup(), by=request.user, seen=seen, note=form.cleaned_data["note"]
        )
    except EditConflict as conflict:
        return _conflict(request, form, conflict.agent)
    except AgentRefused as refused:
        form.add_error(None, ValidationError(str(refused)))
        return _form(request, "edit", context, status=422)
    return redirect("fleet:agent-detail", request.workspace.slug, agent.pk)


def _conflict(request: MemberRequest, form: AgentForm, agent: Agent) -> HttpResponse:
    """Show what is stored beside what was typed; saving once more then replaces the former."""
    setup, stored = form.setup(), configuration.of_agent(agent)
    secrets = {
        variable: stored["secrets"].get(variable, 0) if value is None else agent.revision + 1
        for variable, value in setup.secrets.items()
    }
    typed = configuration.document(setup.fields, setup.grants, secrets)
    latest = agent.revisions.get(number=agent.revision)
    context = {
        "form": form,
        "agent": agent,
        "seen": agent.revision,
        "latest": latest,
        "author": creators([latest])[latest.created_by_id],
        "conflicts": configuration.differences(stored, typed, names_credentials=True),
    }
    return _form(request, "edit", context, status=409)


def _source(request: MemberRequest) -> tuple[Agent | AgentTemplate | None, dict[str, Any] | None]:
    """Return the template or agent that the address names as a start. Raises Http404."""
    if text := request.GET.get("template"):
        template: AgentTemplate = get_object_or_404(AgentTemplate.objects, pk=_id_or_404(text))
        return template, template.configuration
    if text := request.GET.get("copy"):
        agent = find_agent(request, _id_or_404(text))
        return agent, configuration.of_agent(agent)
    return None, None


def _id_or_404(text: str) -> UUID:
    pk = as_id(text)
    if pk is None:
        raise Http404
    return pk


def _number(text: Any) -> int:
    """Return the revision that the form was made from; one that is none conflicts with all."""
    return int(text) if str(text).isdecimal() and len(str(text)) < 10 else 0


def _form(
    request: MemberRequest, page: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    template = f"fleet/agent_{page}.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=status)
