"""Schedules that are due: a task each, once, as a member who still may."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agenhood.fleet.actions import agent as agents
from agenhood.fleet.actions import schedule as schedules
from agenhood.fleet.models import Schedule, Task
from agenhood.runtime.jobs import find_lost
from tests.factories import ScheduleFactory
from tests.postgres import superuser
from tests.workers.run import work_off
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import platform_scope

State = Task.State
TEXT = "Count the birds of today."


@pytest.fixture
def due(crew):
    """Return a function that makes a schedule whose time has come."""

    def due(**values):
        made = {"cron": "0 9 * * *", "input": TEXT, "acts_as": crew.member.user} | values
        schedule = ScheduleFactory(workspace=crew.member.workspace, agent=crew.agent, **made)
        with crew.scope:
            schedule.next_at = timezone.now() - timedelta(seconds=1)
            schedules.queue_next(schedule)
        return schedule

    return due


def stored(crew, schedule):
    with crew.scope:
        return Schedule.objects.get(pk=schedule.pk)


def begun(crew, schedule):
    with crew.scope:
        return list(Task.objects.filter(schedule=schedule).order_by("id"))


def test_a_schedule_that_is_due_begins_a_task_and_waits_for_its_next_time(crew, due):
    schedule = due()

    work_off()

    [task] = begun(crew, schedule)
    assert (task.input, task.created_by_id) == (TEXT, crew.member.user_id)
    assert crew.state(task) == State.SUCCEEDED
    after = stored(crew, schedule)
    assert after.last_at
    assert after.next_at > timezone.now()
    assert after.job not in (None, schedule.job)


def test_a_schedule_for_once_is_due_once(crew, due):
    schedule = due(cron="", once_at=timezone.now() - timedelta(seconds=1))
    work_off()
    assert len(begun(crew, schedule)) == 1
    after = stored(crew, schedule)
    assert (after.next_at, after.job) == (None, None)


@pytest.mark.parametrize(("overlap", "tasks"), [("skip", 1), ("queue", 2)])
def test_while_the_last_task_still_runs_the_next_is_skipped_or_queued(crew, due, overlap, tasks):
    schedule = due(overlap=overlap)
    work_off()
    [task] = begun(crew, schedule)
    crew.set_task(task, state=State.WAITING)
    with crew.scope:
        again = Schedule.objects.get()
        again.next_at = timezone.now() - timedelta(seconds=1)
        schedules.queue_next(again)

    work_off()

    assert len(begun(crew, schedule)) == tasks
    skipped = [("denied", "Its last task has not ended yet.", "person")]
    assert crew.trail("schedule.run") == (skipped if overlap == "skip" else [])


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_a_schedule_of_somebody_who_may_not_any_more_is_switched_off(crew, due, how):
    schedule = due()
    with platform_scope("test"):
        member = Membership.objects.filter(pk=crew.member.pk)
        if how == "removed":
            member.delete()
        else:
            member.update(role=Role.VIEWER)

    work_off()

    after = stored(crew, schedule)
    assert begun(crew, schedule) == []
    assert (after.is_enabled, after.next_at, after.job) == (False, None, None)
    assert after.disabled_reason.startswith("The person")
    assert [outcome for outcome, _reason, _kind in crew.trail("schedule.disable")] == ["done"]


def test_a_suspended_workspaces_schedules_go_on_later(crew, due):
    again, once = due(), due(cron="", once_at=timezone.now() - timedelta(seconds=1))
    crew.set_workspace(suspended_at="2026-01-01T00:00Z")
    work_off()
    assert begun(crew, again) == begun(crew, once) == []
    assert stored(crew, again).next_at > timezone.now()

    crew.set_workspace(suspended_at=None)
    with crew.scope:
        find_lost()
    work_off()

    assert [len(begun(crew, schedule)) for schedule in (again, once)] == [0, 1]


def test_an_agent_that_takes_no_tasks_is_given_none_and_asked_again_next_time(crew, due):
    schedule = due()
    with crew.scope:
        agents.pause(crew.agent)
    work_off()
    assert begun(crew, schedule) == []
    assert stored(crew, schedule).next_at > timezone.now()
    [(outcome, reason, _kind)] = crew.trail("schedule.run")
    assert (outcome, "is paused" in reason) == ("denied", True)


def test_a_job_that_the_schedule_does_not_name_begins_nothing(crew, due):
    """The schedule was changed meanwhile, or the job is run a second time."""
    schedule = due()
    with crew.scope:
        schedules.arrange(schedule)
    work_off()
    assert begun(crew, schedule) == []


def test_a_schedule_whose_job_is_gone_is_found(crew, due):
    schedule = due()
    with superuser() as past_everything:
        past_everything.execute("DELETE FROM procrastinate_jobs")
    with crew.scope:
        find_lost()
    work_off()
    assert len(begun(crew, schedule)) == 1
