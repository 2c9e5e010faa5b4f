"""The history: tasks of a workspace, found by words and facets, and a person's own views of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models.functions import Lower
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import saved_view
from agenhood.fleet.forms.history import HistoryForm, SavedViewForm
from agenhood.fleet.hostile import one_line
from agenhood.fleet.models import Agent, Project, SavedView, Task
from agenhood.fleet.money import cost
from agenhood.fleet.people import FORMER, creators
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.search import marked, snippets
from workspaces.exports import ExportRefused, start_export
from workspaces.models import Membership
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

CHOICES = 200  # of a list to choose from; who has more finds the rest by words, or on their pages
SNIPPET_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Row:
    """A task as the list shows it. `title` and `snippet` are pieces of text, hits marked True;
    `agent_query` narrows what the list shows to the task's agent."""

    task: Task
    person: str
    title: list[tuple[str, bool]]
    snippet: list[tuple[str, bool]]
    agent_query: str

    @property
    def cost(self) -> str:
        return cost(self.task.cost_micros)


@require_safe
@requires(FleetPermission.HISTORY_VIEW)
def history_list(request: MemberRequest) -> HttpResponse:
    form = HistoryForm(request.GET)
    valid = form.is_valid()
    context: dict[str, Any] = {"form": form, "is_valid": valid}
    if valid:
        page = form.selection.page(request.GET)
        context |= {
            "rows": _rows(page.rows, form),
            "newer_url": page.previous,
            "older_url": page.next,
            "count": form.selection.count(),
            "query": form.query,
        }
    template = "fleet/history_list.html"
    if is_partial(request):
        template += "#results"
    else:
        context |= _choices(form, valid) | {"saved_views": saved_view.of_person(request.user)}
    return render(request, template, context, status=200 if valid else 422)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.HISTORY_VIEW)
def history_view_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = SavedViewForm(request.POST if posted else None, initial={"query": _asked(request)})
    if posted and form.is_valid() and saved_view.save(form, person=request.user):
        return _to_list(request, form.instance.query)
    context = {"form": form, "query": request.POST.get("query", "") if posted else _asked(request)}
    template = "fleet/history_view_create.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=422 if posted else 200)


@require_POST
@requires(FleetPermission.HISTORY_VIEW)
def history_view_delete(request: MemberRequest, savedview_id: UUID) -> HttpResponse:
    views = SavedView.objects.select_for_update().filter(person=request.user)
    saved_view.delete(get_object_or_404(views, pk=savedview_id))
    return _to_list(request, "")


@require_POST
@requires(FleetPermission.HISTORY_EXPORT)
def history_export(request: MemberRequest) -> HttpResponse:
    """Have what a query string selects written to a file; the exports' page shows when it is."""
    form = HistoryForm(QueryDict(request.POST.get("query", "")))
    try:
        if not form.is_valid():
            raise ExportRefused("These filters select nothing.")
        start_export("history", form.lasting_query, request.POST.get("format", ""))
    except ExportRefused as refused:
        messages.error(request, str(refused))
        return _to_list(request, form.query if form.is_valid() else "")
    return redirect("workspaces:export-list", request.workspace.slug)


def _to_list(request: MemberRequest, query: str) -> HttpResponse:
    address = reverse("fleet:history-list", args=[request.workspace.slug])
    return redirect(f"{address}?{query}" if query else address)


def _asked(request: MemberRequest) -> str:
    form = HistoryForm(request.GET)
    return form.query if form.is_valid() else ""


def _rows(tasks: list[Any], form: HistoryForm) -> list[Row]:
    words = form.selection.words
    people = creators(tasks)
    said = snippets(words, tasks) if words else {}
    return [
        Row(
            task,
            people[task.created_by_id],
            marked(task.conversation.title, words),
            said.get(task.pk) or [(one_line(task.beginning)[:SNIPPET_CHARACTERS], False)],
            form.query_with(agent=task.agent_id),
        )
        for task in tasks
    ]


def _choices(form: HistoryForm, valid: bool) -> dict[str, Any]:
    """Return what the facets offer, each with the one that is chosen now, if it is not in it."""
    chosen = form.cleaned_data if valid else {}
    agents = Agent.objects.order_by(Lower("name")).only("name")[:CHOICES]
    projects = Project.objects.order_by(Lower("name")).only("name")[:CHOICES]
    members = Membership.objects.select_related("user").order_by("user__name", "user__email")
    people = [(member.user_id, str(member.user)) for member in members[:CHOICES]]
    named = {"agent": agents, "project": projects}
    offered = {kind: [(row.pk, row.name) for row in rows] for kind, rows in named.items()}
    return {
        "selects": [
            (name, label, every, _with(chosen.get(name), choices, other))
            for name, label, every, choices, other in (
                ("agent", "Agent", "Every agent", offered["agent"], "Another agent"),
                ("project", "Project", "Every project", offered["project"], "Another project"),
                ("person", "Asked by", "Everybody", people, FORMER),
            )
        ],
        "days": [form["from"], form["to"]],
        "states": Task.State.choices,
    }


def _with(
    chosen: UUID | None, offered: list[tuple[UUID, str]], other: str
) -> list[tuple[UUID, str, bool]]:
    known = {pk for pk, _name in offered}
    rest = [(chosen, other)] if chosen and chosen not in known else []
    return [(pk, name, pk == chosen) for pk, name in [*rest, *offered]]
