"""Schedules: what agents are asked again and again, or once later."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import schedule as actions
from agenhood.fleet.forms.schedule import ScheduleForm, TimesForm
from agenhood.fleet.models import Schedule, Task
from agenhood.fleet.paging import page_by_name
from agenhood.fleet.people import names_of
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.views.agent import as_id
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

TASKS_SHOWN = 5


@require_safe
@requires(FleetPermission.SCHEDULE_VIEW)
def schedule_list(request: MemberRequest) -> HttpResponse:
    page = page_by_name(Schedule.objects.select_related("agent"), request.GET)
    context = {"rows": page.rows, "newer_url": page.previous, "older_url": page.next}
    return render(request, "fleet/schedule_list.html", context)


@require_safe
@requires(FleetPermission.SCHEDULE_VIEW)
def schedule_detail(request: MemberRequest, schedule_id: UUID) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    tasks = Task.objects.filter(schedule=schedule).select_related("conversation")
    context = {
        "schedule": schedule,
        "person": names_of([schedule.acts_as_id])[schedule.acts_as_id],
        "times": actions.times_of(schedule, timezone.now()) if schedule.is_enabled else [],
        "tasks": tasks.defer("input", "output").order_by("-pk")[:TASKS_SHOWN],
    }
    return render(request, "fleet/schedule_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.SCHEDULE_EDIT)
def schedule_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    initial = {"time_zone": request.user.time_zone, "agent": as_id(request.GET.get("agent"))}
    form = ScheduleForm(request.POST if posted else None, initial=initial)
    if posted and form.is_valid() and actions.create(form, by=request.user):
        return _to(request, form.instance)
    return _form(request, {"form": form})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.SCHEDULE_EDIT)
def schedule_edit(request: MemberRequest, schedule_id: UUID) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    posted = request.method == "POST"
    form = ScheduleForm(request.POST if posted else None, instance=schedule)
    if posted and form.is_valid() and actions.change(form, by=request.user):
        return _to(request, schedule)
    if posted:
        schedule = _schedule(request, schedule_id)  # a ModelForm writes on its instance
    return _form(request, {"form": form, "schedule": schedule})


@require_safe
@requires(FleetPermission.SCHEDULE_EDIT)
def schedule_times(request: MemberRequest) -> HttpResponse:
    """The next times of what is typed into the form, as one types."""
    return render(request, "fleet/_schedule_times.html", _times(TimesForm(request.GET)))


@require_POST
@requires(FleetPermission.SCHEDULE_EDIT)
def schedule_enable(request: MemberRequest, schedule_id: UUID) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    actions.enable(schedule, by=request.user)
    return _to(request, schedule)


@require_POST
@requires(FleetPermission.SCHEDULE_EDIT)
def schedule_disable(request: MemberRequest, schedule_id: UUID) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    actions.disable(schedule)
    return _to(request, schedule)


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.SCHEDULE_EDIT)
def schedule_delete(request: MemberRequest, schedule_id: UUID) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    if request.method == "POST":
        actions.delete(schedule)
        return redirect("fleet:schedule-list", request.workspace.slug)
    return render(request, "fleet/schedule_delete.html", {"schedule": schedule})


def _schedule(request: MemberRequest, schedule_id: UUID) -> Schedule:
    """Return the schedule; before it is changed, locked until the answer is made."""
    schedules = Schedule.objects.select_related("agent")
    if request.method not in ("GET", "HEAD"):
        schedules = schedules.select_for_update(of=["self"])
    return get_object_or_404(schedules, pk=schedule_id)


def _to(request: MemberRequest, schedule: Schedule) -> HttpResponse:
    return redirect("fleet:schedule-detail", request.workspace.slug, schedule.pk)


def _times(form: TimesForm) -> dict[str, Any]:
    """Return what the part of the page shows: the next times, or why there are none."""
    if form.is_valid():
        return {"times": form.times(actions.SHOWN)}
    first = next(iter(form.errors.values()), [""])
    return {"times": [], "why": first[0]}


def _form(request: MemberRequest, context: dict[str, Any]) -> HttpResponse:
    form = context["form"]
    data = {name: form[name].value() or "" for name in TimesForm.base_fields}
    template = "fleet/schedule_edit.html" + ("#form" if is_partial(request) else "")
    status = 422 if form.is_bound else 200
    return render(request, template, context | _times(TimesForm(data)), status=status)
