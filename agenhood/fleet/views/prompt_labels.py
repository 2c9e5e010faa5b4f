"""The labels of a prompt: where each points, back to where it was, and gone."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.actions.prompt import LabelMoved, PromptRefused
from agenhood.fleet.forms.prompt import PromptLabelForm
from agenhood.fleet.models import PromptLabel
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.prompt import as_number, find_prompt, prompt_page
from workspaces.permissions import requires
from workspaces.requests import MemberRequest


@require_POST
@requires(FleetPermission.PROMPT_EDIT)
def label_move(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    """Promote: let a label point to another version, or make one."""
    prompt = find_prompt(prompt_id)
    form = PromptLabelForm(request.POST, prompt=prompt)
    if not form.is_valid():
        return prompt_page(request, prompt_id, label_form=form, status=422)
    name, version = form.cleaned_data["name"], form.cleaned_data["version"]
    try:
        seen = form.cleaned_data["seen"] or 0
        actions.move_label(prompt, name=name, number=version.number, seen=seen)
    except LabelMoved as moved:
        context = {"moved": moved, "wanted_number": version.number}
        return prompt_page(request, prompt_id, wanted=str(version.number), status=409, **context)
    except PromptRefused as refused:
        return prompt_page(request, prompt_id, refusal=str(refused), status=409)
    return _moved(request, prompt_id, name)


@require_POST
@requires(FleetPermission.PROMPT_EDIT)
def label_roll_back(request: MemberRequest, prompt_id: UUID, label_id: UUID) -> HttpResponse:
    label = _label(prompt_id, label_id)
    try:
        actions.roll_back(label, seen=as_number(request.POST.get("seen")) or 0)
    except PromptRefused as refused:
        return prompt_page(request, prompt_id, refusal=str(refused), status=409)
    return _moved(request, prompt_id, label.name)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROMPT_EDIT)
def label_remove(request: MemberRequest, prompt_id: UUID, label_id: UUID) -> HttpResponse:
    label = _label(prompt_id, label_id)
    context: dict[str, Any] = {"prompt": label.prompt, "label": label}
    if request.method == "POST":
        try:
            actions.remove_label(label)
            return redirect("fleet:prompt-detail", request.workspace.slug, prompt_id)
        except PromptRefused as refused:
            context["refusal"] = str(refused)
    status = 409 if request.method == "POST" else 200
    return render(request, "fleet/prompt_label_remove.html", context, status=status)


def _moved(request: MemberRequest, prompt_id: UUID, name: str) -> HttpResponse:
    """Go back to the prompt, which tells where the label points now."""
    page = reverse("fleet:prompt-detail", args=[request.workspace.slug, prompt_id])
    return redirect(f"{page}?{urlencode({'moved': name})}")


def _label(prompt_id: UUID, label_id: UUID) -> PromptLabel:
    labels = PromptLabel.objects.select_related("prompt", "version").defer("version__text")
    label: PromptLabel = get_object_or_404(labels, pk=label_id, prompt_id=prompt_id)
    return label
