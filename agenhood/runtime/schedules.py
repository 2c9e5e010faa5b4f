"""Beginning tasks when their schedules are due.

Each schedule that is switched on names one queued job, for its next time. Task, next time and next
job are written in one transaction: whatever happens to a worker, a time begins one task or none.
"""

import logging
from uuid import UUID

from django.utils import timezone

from agenhood.fleet.actions import schedule as schedules
from agenhood.fleet.actions import task as tasks
from agenhood.fleet.actions.task import TaskRefused
from agenhood.fleet.models import Schedule, Task
from agenhood.fleet.permissions import FleetPermission
from agenhood.fleet.queue import this_workspace
from workspaces.audit import record
from workspaces.jobs import Job, refusal, unfinished, workspace_job

log = logging.getLogger("agenhood.runtime")


@workspace_job(schedules.JOB, permission=FleetPermission.TASK_RUN)
def run_schedule(job: Job, schedule_id: UUID) -> None:
    with job.scope():
        schedule = _due(schedule_id, job)
        if schedule is None:
            return
        if reason := _begin(schedule):
            record(schedules.JOB, schedule, outcome="denied", reason=reason)
        schedule.last_at = timezone.now()
        schedule.save(update_fields=["last_at"])
        schedules.arrange(schedule)


@run_schedule.at_end
def end_schedule(job: Job, refused: bool, schedule_id: UUID) -> Schedule | None:
    """Switch off what its member may not do any more. A suspended workspace's goes on later: what
    is due once, by `find_lost_schedules`."""
    schedule = _due(schedule_id, job)
    if schedule is None:
        return None
    if this_workspace().is_suspended:
        if schedule.cron:
            schedules.arrange(schedule)
    elif refused and (reason := refusal(job)):
        schedules.disable(schedule, reason=f"{reason[0].upper()}{reason[1:]}.")
    else:
        schedules.arrange(schedule)
    return schedule


def find_lost_schedules() -> None:
    """Give the active workspace's schedules new jobs whose own are gone."""
    if this_workspace().is_suspended:
        return
    due = Schedule.objects.filter(is_enabled=True, next_at__isnull=False)
    jobs = dict(due.values_list("pk", "job"))
    alive = unfinished(number for number in jobs.values() if number is not None)
    for schedule_id, number in jobs.items():
        if number in alive:
            continue
        locked = due.select_for_update(skip_locked=True, no_key=True)
        schedule = locked.filter(pk=schedule_id, job=number).first()
        if schedule is not None:
            log.warning("schedule %s: job %s is gone", schedule.pk, number)
            schedules.queue_next(schedule)


def _due(schedule_id: UUID, job: Job) -> Schedule | None:
    """Return the schedule, locked, if it is this job that it waits for."""
    found: Schedule | None = (
        Schedule.objects.select_for_update(of=["self"], no_key=True)
        .select_related("agent", "acts_as")
        .filter(pk=schedule_id, job=job.number, is_enabled=True)
        .first()
    )
    return found


def _begin(schedule: Schedule) -> str:
    """Give the schedule's agent its task; return why not, "" if it was given."""
    still_runs = Task.objects.unfinished().filter(schedule=schedule)
    if schedule.overlap == Schedule.Overlap.SKIP and still_runs.exists():
        return "Its last task has not ended yet."
    try:
        tasks.submit(schedule.agent, schedule.input, by=schedule.acts_as, schedule=schedule)
    except TaskRefused as refused:
        return str(refused)
    return ""
