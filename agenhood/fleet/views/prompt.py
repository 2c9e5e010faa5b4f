"""Prompts of a workspace: the list, one prompt with its text, labels and versions, and its details.

Versions are in prompt_versions.py, labels in prompt_labels.py.
"""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.actions.prompt import PromptRefused
from agenhood.fleet.forms.prompt import PromptDetailsForm, PromptForm, PromptLabelForm
from agenhood.fleet.hostile import hidden_characters, revealed
from agenhood.fleet.models import Agent, Prompt, PromptLabel, PromptVersion
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.prompt_text import variables
from agenhood.fleet.starters import STARTERS, starter
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

MOST_LISTED = 10  # of the newest versions on a prompt's own page
MOST_AGENTS = 50
MOST_VARIABLES = 50
LONGEST_NUMBER = 9


@require_safe
@requires(FleetPermission.PROMPT_VIEW)
def prompt_list(request: MemberRequest) -> HttpResponse:
    archived = request.GET.get("state") == "archived"
    query = request.GET.get("q", "").replace("\0", "").strip()
    prompts = Prompt.objects.archived() if archived else Prompt.objects.active()
    page = page_by_name(prompts.named_like(query).with_counts(), request.GET)
    labels = in_order(labels_of(page.rows))
    context = {
        "rows": [
            (prompt, [label for label in labels if label.prompt_id == prompt.pk])
            for prompt in page.rows
        ],
        "query": query,
        "state": "archived" if archived else "active",
        "newer_url": page.previous,
        "older_url": page.next,
        "archived_count": Prompt.objects.archived().count(),
        "starters": STARTERS,
    }
    template = "fleet/prompt_list.html" + ("#results" if is_partial(request) else "")
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROMPT_EDIT)
def prompt_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    chosen = None if posted else starter(request.GET.get("starter", ""))
    initial = (
        {"name": chosen.name, "description": chosen.description, "text": chosen.text}
        if chosen
        else {}
    )
    form = PromptForm(request.POST if posted else None, initial=initial)
    if posted and form.is_valid():
        try:
            prompt = actions.create(**form.cleaned_data, by=request.user)
            return redirect("fleet:prompt-detail", request.workspace.slug, prompt.pk)
        except PromptRefused as refused:
            form.add_error("name", ValidationError(str(refused)))
    context = {"form": form, "starters": STARTERS, "chosen": chosen}
    template = "fleet/prompt_create.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=422 if posted else 200)


@require_safe
@requires(FleetPermission.PROMPT_VIEW)
def prompt_detail(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    return prompt_page(request, prompt_id, wanted=request.GET.get("version"))


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROMPT_EDIT)
def prompt_edit(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    prompt = find_prompt(prompt_id)
    posted = request.method == "POST"
    form = PromptDetailsForm(request.POST if posted else None, instance=find_prompt(prompt_id))
    if posted and form.is_valid():
        try:
            actions.change(prompt, **form.cleaned_data)
            return redirect("fleet:prompt-detail", request.workspace.slug, prompt.pk)
        except PromptRefused as refused:
            form.add_error("name", ValidationError(str(refused)))
    context = {"prompt": prompt, "form": form}
    template = "fleet/prompt_edit.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=422 if posted else 200)


@require_POST
@requires(FleetPermission.PROMPT_EDIT)
def prompt_archive(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    prompt = find_prompt(prompt_id)
    try:
        actions.archive(prompt)
    except PromptRefused as refused:
        return prompt_page(request, prompt_id, refusal=str(refused), status=409)
    return redirect("fleet:prompt-detail", request.workspace.slug, prompt.pk)


@require_POST
@requires(FleetPermission.PROMPT_EDIT)
def prompt_restore(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    prompt = find_prompt(prompt_id)
    actions.restore(prompt)
    return redirect("fleet:prompt-detail", request.workspace.slug, prompt.pk)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROMPT_EDIT)
def prompt_delete(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    prompt = find_prompt(prompt_id)
    context: dict[str, Any] = {"prompt": prompt}
    if request.method == "POST":
        try:
            actions.delete(prompt)
            return redirect("fleet:prompt-list", request.workspace.slug)
        except PromptRefused as refused:
            context["refusal"] = str(refused)
    agents = actions.agents_using(prompt).order_by("name")
    context["agents"] = agents.active()[:MOST_AGENTS]
    context["archived_agents"] = agents.archived()[:MOST_AGENTS]
    context["was_used"] = actions.was_used(prompt)
    status = 409 if request.method == "POST" else 200
    return render(request, "fleet/prompt_delete.html", context, status=status)


def prompt_page(
    request: MemberRequest,
    prompt_id: UUID,
    *,
    wanted: str | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """A prompt's own page, showing the version whose number is `wanted`, else production's, else
    the newest. `more` is what a refused change adds: `refusal`, `label_form`, `moved`."""
    prompt = find_prompt(prompt_id)
    labels = in_order(labels_of([prompt]))
    newest = list(prompt.versions.defer("text").order_by("-number")[:MOST_LISTED])
    number = as_number(wanted) if wanted else _first_shown(labels, newest)
    if wanted and number is None:
        raise Http404
    version = None if number is None else get_object_or_404(prompt.versions, number=number)
    production = next((label for label in labels if label.name == PromptLabel.PRODUCTION), None)
    latest = newest[0].number if newest else 0
    names = variables(version.text) if version else []
    people = creators([*newest, *([version] if version else []), prompt])
    moved_label = request.GET.get("moved")
    context = {
        "prompt": prompt,
        "labels": labels,
        # told from where it points now, whatever the address says
        "moved_label": next((label for label in labels if label.name == moved_label), None),
        "fixed_labels": PromptLabel.ALWAYS_THERE,
        "production": production,
        "version": version,
        "version_labels": [label for label in labels if version and same(label, version)],
        "text": revealed(version.text) if version else "",
        "hidden_characters": hidden_characters(version.text) if version else 0,
        "variable_fields": [(name, "") for name in names[:MOST_VARIABLES]],
        "more_variables": max(0, len(names) - MOST_VARIABLES),
        "latest": latest,
        "creator": people[prompt.created_by_id],
        "author": people[version.created_by_id] if version else "",
        "versions": told(newest, labels, people),
        "numbers": range(latest, max(0, latest - 100), -1),
        "label_form": PromptLabelForm(prompt=prompt, initial={"version": number}),
        **_used_by(request, prompt),
        **more,
    }
    return render(request, "fleet/prompt_detail.html", context, status=status)


def find_prompt(prompt_id: UUID) -> Prompt:
    """Return the prompt, unlocked: actions lock what they change. Raises Http404."""
    prompt: Prompt = get_object_or_404(Prompt.objects, pk=prompt_id)
    return prompt


def labels_of(prompts: list[Prompt]) -> list[PromptLabel]:
    labels = PromptLabel.objects.filter(prompt__in=prompts).select_related("version")
    return list(labels.defer("version__text"))


def in_order(labels: list[PromptLabel]) -> list[PromptLabel]:
    """Sort labels: production, draft, then the workspace's own by name."""
    order = {name: number for number, name in enumerate(PromptLabel.ALWAYS_THERE)}
    return sorted(labels, key=lambda label: (order.get(label.name, len(order)), label.name))


def same(label: PromptLabel, version: PromptVersion) -> bool:
    return label.version_id == version.pk


def told(
    versions: list[PromptVersion], labels: list[PromptLabel], people: dict[UUID, str]
) -> list[tuple[PromptVersion, list[PromptLabel], str]]:
    """Return each version with the labels that point to it, and who saved it."""
    return [
        (version, [one for one in labels if same(one, version)], people[version.created_by_id])
        for version in versions
    ]


def as_number(text: str | None) -> int | None:
    """Return the number that an address or a form names; None for what is none."""
    is_number = text and text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
    return int(text) if text and is_number else None


def _first_shown(labels: list[PromptLabel], newest: list[PromptVersion]) -> int | None:
    for label in labels:
        if label.name == PromptLabel.PRODUCTION:
            return label.version.number
    return newest[0].number if newest else None


def _used_by(request: MemberRequest, prompt: Prompt) -> dict[str, Any]:
    """Return the agents that work by the prompt, for those who may see agents."""
    if not request.membership.may(FleetPermission.AGENT_VIEW):
        return {}
    agents = (
        actions.agents_using(prompt)
        .select_related("project", "prompt_label__version", "prompt_version")
        .defer("prompt_label__version__text", "prompt_version__text")
        .order_by("name")
    )
    found = list(agents[: MOST_AGENTS + 1])
    working = [agent for agent in found[:MOST_AGENTS] if agent.state != Agent.State.ARCHIVED]
    return {
        "agents": working,
        "archived_agents": len(found[:MOST_AGENTS]) - len(working),
        "more_agents": len(found) > MOST_AGENTS,
    }
