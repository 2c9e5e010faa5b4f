"""The versions of a prompt: a new one, all of them, what differs between two, and a preview."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.actions.prompt import EditConflict, PromptRefused
from agenhood.fleet.forms.prompt import LONGEST_TEXT, PromptVersionForm
from agenhood.fleet.hostile import revealed
from agenhood.fleet.models import PromptVersion
from agenhood.fleet.paging import page_by_number
from agenhood.fleet.people import creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.prompt_text import filled, variables
from agenhood.fleet.text_diff import difference
from agenhood.fleet.views.prompt import (
    MOST_VARIABLES,
    as_number,
    find_prompt,
    in_order,
    labels_of,
    prompt_page,
    told,
)
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

MOST_OFFERED = 100  # versions in a select
LONGEST_VALUE = 10_000  # characters of a variable's value in a preview


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PROMPT_EDIT)
def version_create(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    prompt = find_prompt(prompt_id)
    if prompt.archived_at is not None:
        refusal = f"{prompt} is archived: restore it before changing it."
        return prompt_page(request, prompt_id, refusal=refusal, status=409)
    if request.method == "GET":
        latest = prompt.versions.order_by("-number").first()
        number = as_number(request.GET.get("from"))
        source = get_object_or_404(prompt.versions, number=number) if number else latest
        initial = {
            "text": source.text if source else "",
            "base": latest.number if latest else 0,
        }
        form = PromptVersionForm(initial=initial)
        return _editor(request, {"prompt": prompt, "form": form, "source": source})
    form = PromptVersionForm(request.POST)
    context: dict[str, Any] = {"prompt": prompt, "form": form}
    if not form.is_valid():
        return _editor(request, context, status=422)
    text, note = form.cleaned_data["text"], form.cleaned_data["note"]
    seen = form.cleaned_data["base"] or 0
    try:
        version = actions.add_version(prompt, text=text, by=request.user, seen=seen, note=note)
    except EditConflict as conflict:
        latest = conflict.latest
        # Saving once more puts the text on top of what is shown now.
        again = PromptVersionForm(initial={"text": text, "note": note, "base": latest.number})
        context |= {
            "form": again,
            "latest": latest,
            "author": creators([latest])[latest.created_by_id],
            "difference": difference(latest.text, text),
            "their_text": revealed(latest.text),
        }
        return _editor(request, context, status=409)
    except PromptRefused as refused:
        form.add_error("text", ValidationError(str(refused)))
        return _editor(request, context, status=422)
    page = reverse("fleet:prompt-detail", args=[request.workspace.slug, prompt.pk])
    return redirect(f"{page}?version={version.number}")


@require_safe
@requires(FleetPermission.PROMPT_VIEW)
def version_list(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    prompt = find_prompt(prompt_id)
    page = page_by_number(prompt.versions.defer("text"), request.GET)
    context = {
        "prompt": prompt,
        "versions": told(page.rows, in_order(labels_of([prompt])), creators(page.rows)),
        "newer_url": page.previous,
        "older_url": page.next,
    }
    return render(request, "fleet/prompt_version_list.html", context)


@require_safe
@requires(FleetPermission.PROMPT_VIEW)
def version_diff(request: MemberRequest, prompt_id: UUID) -> HttpResponse:
    """Compare two versions; without both, the newest with the one before it."""
    prompt = find_prompt(prompt_id)
    numbers = list(
        prompt.versions.order_by("-number").values_list("number", flat=True)[:MOST_OFFERED]
    )
    newest = numbers[0] if numbers else 0
    after = as_number(request.GET.get("after")) or newest
    before = as_number(request.GET.get("before")) or max(after - 1, 1)
    found = {
        number: get_object_or_404(prompt.versions, number=number) for number in {before, after}
    }
    is_unified = request.GET.get("view") == "unified"
    context = {
        "prompt": prompt,
        "before": found[before],
        "after": found[after],
        "difference": difference(found[before].text, found[after].text),
        "view": "unified" if is_unified else "side",
        "numbers": sorted({*numbers, before, after}, reverse=True),
    }
    return render(request, "fleet/prompt_diff.html", context)


@require_POST
@requires(FleetPermission.PROMPT_VIEW)
def version_preview(request: MemberRequest, prompt_id: UUID, number: int) -> HttpResponse:
    """Show the text with its variables filled in. Nothing is stored and nothing runs."""
    prompt = find_prompt(prompt_id)
    version: PromptVersion = get_object_or_404(prompt.versions, number=min(number, 2**31 - 1))
    names = variables(version.text)[:MOST_VARIABLES]
    typed = {name: request.POST.get(f"value-{name}", "")[:LONGEST_VALUE] for name in names}
    pieces = filled(version.text, {name: value for name, value in typed.items() if value})
    # Many times the same long value would make a page that no browser shows.
    is_too_long = sum(len(piece) for piece, _name in pieces) > 2 * LONGEST_TEXT
    context = {
        "prompt": prompt,
        "version": version,
        "fields": list(typed.items()),
        "pieces": [] if is_too_long else [(revealed(piece), name) for piece, name in pieces],
        "is_too_long": is_too_long,
        "empty": [name for name, value in typed.items() if not value],
    }
    template = "fleet/prompt_preview.html" + ("#preview" if is_partial(request) else "")
    return render(request, template, context)


def _editor(request: MemberRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    template = "fleet/prompt_version_create.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=status)
