from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked, locked, saved
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import schedule as actions
from agenhood.fleet.forms.schedule import ScheduleForm
from agenhood.fleet.models import Schedule
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Schedules"])

Overlap = Literal["skip", "queue"]


class ScheduleIn(Schema):
    """Either `cron`, five fields in `time_zone`, or `once_at`. `overlap` says what becomes of a
    time at which the schedule's last task has not ended. It acts as the token's person."""

    agent: UUID
    name: str = Field(min_length=1, max_length=60)
    input: str = Field(min_length=1, max_length=100_000)
    cron: str = Field("", max_length=100)
    once_at: datetime | None = None
    time_zone: str = "UTC"
    overlap: Overlap = "skip"


class ScheduleChange(Schema):
    """Only what is sent changes; from now on it acts as the token's person."""

    agent: UUID | None = None
    name: str | None = Field(None, min_length=1, max_length=60)
    input: str | None = Field(None, min_length=1, max_length=100_000)
    cron: str | None = Field(None, max_length=100)
    once_at: datetime | None = None
    time_zone: str | None = None
    overlap: Overlap | None = None


class ScheduleOut(Schema):
    """`next_at` is null when it is not due again, and while it is off."""

    id: UUID
    agent_id: UUID
    name: str
    input: str
    cron: str
    once_at: datetime | None
    time_zone: str
    overlap: Overlap
    is_enabled: bool
    disabled_reason: str
    next_at: datetime | None
    last_at: datetime | None
    created_at: datetime


@router.get("", response={200: Listed[ScheduleOut]} | READS)
@allowed(FleetPermission.SCHEDULE_VIEW)
def list_schedules(
    request: ApiRequest, cursor: Query[Cursor], agent: UUID | None = None
) -> dict[str, Any]:
    schedules = Schedule.objects.filter(agent_id=agent) if agent else Schedule.objects.all()
    return newest_first(schedules, cursor)


@router.post("", response={201: ScheduleOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.SCHEDULE_EDIT)
def create_schedule(request: ApiRequest, payload: ScheduleIn) -> Status[Schedule]:
    form = checked(ScheduleForm(payload.model_dump(mode="json", exclude_none=True)))
    saved(form, actions.create(form, by=request.person))
    return Status(201, form.instance)


@router.get("/{uuid:schedule_id}", response={200: ScheduleOut} | READS)
@allowed(FleetPermission.SCHEDULE_VIEW)
def get_schedule(request: ApiRequest, schedule_id: UUID) -> Schedule:
    return get_object_or_404(Schedule.objects, pk=schedule_id)


@router.patch("/{uuid:schedule_id}", response={200: ScheduleOut} | WRITES)
@allowed(FleetPermission.SCHEDULE_EDIT)
def change_schedule(request: ApiRequest, schedule_id: UUID, payload: ScheduleChange) -> Schedule:
    schedule = locked(Schedule.objects, schedule_id)
    sent = payload.model_dump(mode="json", exclude_none=True)
    form = checked(ScheduleForm(_plain(schedule, sent), instance=schedule))
    saved(form, actions.change(form, by=request.person))
    return schedule


@router.post("/{uuid:schedule_id}/enable", response={200: ScheduleOut} | WRITES)
@allowed(FleetPermission.SCHEDULE_EDIT)
def enable_schedule(request: ApiRequest, schedule_id: UUID) -> Schedule:
    """Turn it on; from now on it acts as the token's person."""
    schedule = locked(Schedule.objects, schedule_id)
    actions.enable(schedule, by=request.person)
    return schedule


@router.post("/{uuid:schedule_id}/disable", response={200: ScheduleOut} | WRITES)
@allowed(FleetPermission.SCHEDULE_EDIT)
def disable_schedule(request: ApiRequest, schedule_id: UUID) -> Schedule:
    schedule = locked(Schedule.objects, schedule_id)
    actions.disable(schedule)
    return schedule


@router.delete("/{uuid:schedule_id}", response={204: None} | WRITES)
@allowed(FleetPermission.SCHEDULE_EDIT)
def delete_schedule(request: ApiRequest, schedule_id: UUID) -> Status[None]:
    actions.delete(locked(Schedule.objects, schedule_id))
    return Status(204, None)


def _plain(schedule: Schedule, sent: dict[str, Any]) -> dict[str, Any]:
    """Return the schedule as the form takes it, with what was sent in its place."""
    names = ("name", "input", "cron", "time_zone", "overlap")
    stored = {name: getattr(schedule, name) for name in names} | {"agent": schedule.agent_id}
    if schedule.once_at:
        stored["once_at"] = schedule.once_at.isoformat()
    if sent.get("cron"):
        stored["when"] = "cron"
    elif sent.get("once_at"):
        stored["when"] = "once"
    return stored | sent
