"""What is done with schedules, each inside the workspace's scope.

A schedule acts as whoever edited it last, with the rights that they have when it is due.
"""

from datetime import datetime

from django.utils import timezone

from accounts.models import User
from agenhood.fleet.cron import next_times
from agenhood.fleet.forms.schedule import ScheduleForm
from agenhood.fleet.models import Schedule
from workspaces.audit import record
from workspaces.forms import save_or_refuse
from workspaces.jobs import queue_job

JOB = "schedule.run"
SHOWN = 5  # of the next times
RECORDED = ("agent", "name", "input", "cron", "once_at", "time_zone", "overlap")


def create(form: ScheduleForm, *, by: User) -> bool:
    """Save a new schedule. False, with the error in the form, if its name was taken meanwhile."""
    schedule = form.instance
    schedule.acts_as = by
    if not save_or_refuse(form):
        return False
    arrange(schedule)
    changes = {name: (None, getattr(schedule, name)) for name in RECORDED}
    record("schedule.create", schedule, changes=changes)
    return True


def change(form: ScheduleForm, *, by: User) -> bool:
    """Save a schedule anew, which acts as `by` from now on. False as `create`."""
    before = {name: form.before(name) for name in RECORDED}
    schedule = form.instance
    schedule.acts_as = by
    if not save_or_refuse(form):
        return False
    arrange(schedule)
    after = {name: getattr(schedule, name) for name in RECORDED}
    changes = {
        name: (before[name], after[name]) for name in RECORDED if before[name] != after[name]
    }
    record("schedule.change", schedule, changes=changes)
    return True


def enable(schedule: Schedule, *, by: User) -> bool:
    """Let a schedule begin tasks again, as `by`; return whether it did not already."""
    if schedule.is_enabled:
        return False
    schedule.is_enabled, schedule.disabled_reason, schedule.acts_as = True, "", by
    schedule.save(update_fields=["is_enabled", "disabled_reason", "acts_as"])
    arrange(schedule)
    record("schedule.enable", schedule, changes={"enabled": (False, True)})
    return True


def disable(schedule: Schedule, *, reason: str = "") -> bool:
    """Have a schedule begin no more tasks; return whether it still did. `reason` is shown."""
    if not schedule.is_enabled:
        return False
    schedule.is_enabled, schedule.disabled_reason = False, reason[:200]
    schedule.save(update_fields=["is_enabled", "disabled_reason"])
    arrange(schedule)
    record("schedule.disable", schedule, changes={"enabled": (True, False)}, reason=reason)
    return True


def delete(schedule: Schedule) -> None:
    """Delete a schedule. The tasks that it began stay."""
    record("schedule.delete", schedule, changes={"name": (schedule.name, None)})
    schedule.delete()


def arrange(schedule: Schedule, *, after: datetime | None = None) -> None:
    """Note when a schedule is due after a moment, now unless given, and queue the job for then.

    The job that was queued before finds that the schedule names another one, and does nothing.
    """
    due = times_of(schedule, after or timezone.now(), 1) if schedule.is_enabled else []
    schedule.next_at = due[0] if due else None
    queue_next(schedule)


def queue_next(schedule: Schedule) -> None:
    """Queue the job for the time at which a schedule is due next, if there is one."""
    schedule.job = None
    if schedule.next_at is not None:
        schedule.job = queue_job(
            JOB,
            {"schedule_id": schedule.pk},
            queue="default",
            actor_id=schedule.acts_as_id,
            at=schedule.next_at,
        )
    schedule.save(update_fields=["next_at", "job"])


def times_of(schedule: Schedule, after: datetime, count: int = SHOWN) -> list[datetime]:
    """Return when a schedule is due next, as far as anybody wants to see."""
    if schedule.cron:
        return next_times(schedule.cron, schedule.time_zone, after, count)
    once = schedule.once_at
    return [once] if once is not None and once > after else []
