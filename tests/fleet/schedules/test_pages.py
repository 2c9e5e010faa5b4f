"""Schedules on their pages: what is stored, when they are due, as whom they act."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from agenhood.fleet.forms.schedule import ScheduleForm
from agenhood.fleet.models import Schedule
from tests.factories import AgentFactory, MembershipFactory, ScheduleFactory, TaskFactory
from tests.pages import error_at, page
from workspaces.roles import Role
from workspaces.scope import workspace_scope


def form(desk, **changes):
    return {
        "agent": str(desk.agent.pk),
        "name": "Each morning",
        "input": "Count the birds.",
        "when": "cron",
        "cron": "0 9 * * *",
        "once_at": "",
        "time_zone": "Europe/Berlin",
        "overlap": "skip",
        **changes,
    }


def stored(desk):
    with desk.scope:
        return Schedule.objects.get()


def made(desk, **changes):
    response = desk.client.post(desk.url("schedule-create"), form(desk, **changes))
    assert response.status_code == 302, response.text
    return stored(desk)


def test_a_schedule_is_made_and_its_job_waits_for_its_time(desk):
    schedule = made(desk)

    assert (schedule.cron, schedule.once_at, schedule.is_enabled) == ("0 9 * * *", None, True)
    assert schedule.acts_as_id == desk.membership.user_id
    assert schedule.next_at > timezone.now()
    assert schedule.next_at.minute == 0
    assert schedule.job is not None
    assert desk.trail()[-1] == ("schedule.create", "done")
    shown = page(desk.client.get(desk.url("schedule-detail", schedule)))
    next_ones = [time for dd in shown.all("dd") for time in dd.all("time")]
    assert len(next_ones) == 5


def test_once_is_at_a_time_of_the_chosen_zone(desk):
    schedule = made(desk, when="once", once_at="2999-07-01T09:00", cron="nonsense")

    assert schedule.once_at == schedule.next_at == datetime(2999, 7, 1, 7, tzinfo=UTC)
    assert schedule.cron == ""
    edit = page(desk.client.get(desk.url("schedule-edit", schedule)))
    assert edit.one("input", name="once_at")["value"] == "2999-07-01T09:00"


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"cron": "0 25 * * *"}, "cron", "A field has a number that it cannot have."),
        ({"cron": ""}, "cron", "Write five fields"),
        ({"when": "once"}, "once_at", "Say when."),
        ({"when": "once", "once_at": "2020-01-01T00:00"}, "once_at", "This is past"),
        ({"when": "once", "once_at": "9999-12-31T23:59"}, "once_at", "This is past"),
        ({"when": "once", "once_at": "soon"}, "once_at", "Write day and time"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "Select a valid choice"),
        ({"input": " "}, "input", "This field is required."),
        ({"name": ""}, "name", "This field is required."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(desk, changes, field, message):
    response = desk.client.post(desk.url("schedule-create"), form(desk, **changes))

    assert response.status_code == 422
    assert message in error_at(response, field)
    with desk.scope:
        assert not Schedule.objects.exists()


def test_agents_of_other_workspaces_and_archived_ones_are_no_choice(desk, foreign):
    archived = AgentFactory(workspace=desk.membership.workspace, state="archived")
    for agent in (foreign, archived):
        response = desk.client.post(desk.url("schedule-create"), form(desk, agent=str(agent.pk)))
        assert "Select a valid choice" in error_at(response, "agent")
    assert "Kestrel" not in desk.client.get(desk.url("schedule-create")).text


def test_a_change_is_done_anew_as_who_made_it(desk):
    schedule = made(desk)
    fellow = MembershipFactory(workspace=desk.membership.workspace, role=Role.OPERATOR)
    desk.client.force_login(fellow.user)

    desk.client.post(desk.url("schedule-edit", schedule), form(desk, cron="30 7 * * *"))

    again = stored(desk)
    assert (again.cron, again.acts_as_id) == ("30 7 * * *", fellow.user_id)
    assert again.job != schedule.job
    assert again.next_at.minute == 30
    assert desk.trail()[-1] == ("schedule.change", "done")
    assert str(fellow.user) in page(desk.client.get(desk.url("schedule-detail", again))).text


def test_a_name_is_given_once(desk):
    made(desk)

    response = desk.client.post(desk.url("schedule-create"), form(desk, name="EACH morning"))

    assert "already has a schedule of that name" in error_at(response, "name")


def test_it_is_turned_off_and_on(desk):
    schedule = made(desk)
    before = len(desk.trail())
    for _ in "twice":
        desk.client.post(desk.url("schedule-disable", schedule))
    off = stored(desk)
    for _ in "twice":
        desk.client.post(desk.url("schedule-enable", schedule))
    on = stored(desk)

    assert (off.is_enabled, off.next_at, off.job) == (False, None, None)
    assert on.is_enabled
    assert on.next_at == schedule.next_at
    assert on.job not in (None, schedule.job)
    assert [action for action, _ in desk.trail()[before:]] == [
        "schedule.disable",
        "schedule.enable",
    ]


def test_what_was_due_once_is_due_no_more(desk):
    past = timezone.now() - timedelta(days=1)
    schedule = ScheduleFactory(
        workspace=desk.membership.workspace,
        agent=desk.agent,
        cron="",
        once_at=past,
        is_enabled=False,
    )

    desk.client.post(desk.url("schedule-enable", schedule))

    assert (stored(desk).next_at, stored(desk).job) == (None, None)
    assert "not due again" in page(desk.client.get(desk.url("schedule-detail", schedule))).text


def test_a_schedule_is_deleted_and_its_tasks_stay(desk):
    schedule = made(desk)
    task = TaskFactory(workspace=desk.membership.workspace, schedule=schedule)
    assert (
        "Delete Each morning?" in page(desk.client.get(desk.url("schedule-delete", schedule))).text
    )

    desk.client.post(desk.url("schedule-delete", schedule))

    with desk.scope:
        assert not Schedule.objects.exists()
    assert desk.again(task).schedule_id is None


def test_the_next_times_are_shown_as_one_types(desk):
    address = desk.url("schedule-times")
    typed = {"when": "cron", "cron": "0 9 * * *", "time_zone": "UTC", "name": "x"}

    assert len(page(desk.client.get(address, typed)).all("time")) == 5
    assert "five fields" in page(desk.client.get(address, typed | {"cron": "0 9"})).text
    once = typed | {"when": "once", "once_at": "2999-07-01T09:00"}
    assert len(page(desk.client.get(address, once)).all("time")) == 1
    assert (
        "Select a valid choice" in page(desk.client.get(address, typed | {"time_zone": "x"})).text
    )


def test_the_list_has_its_own_only_and_a_viewer_changes_nothing(desk):
    made(desk)
    ScheduleFactory(name="Kestrel's")
    viewer = MembershipFactory(workspace=desk.membership.workspace, role=Role.VIEWER)
    desk.client.force_login(viewer.user)

    shown = page(desk.client.get(desk.url("schedule-list")))

    assert [a.text for a in shown.all("a", class_="row-link")] == ["Each morning"]
    assert desk.client.get(desk.url("schedule-create")).status_code == 403
    assert desk.client.post(desk.url("schedule-disable", stored(desk))).status_code == 403


def test_plain_data_has_no_way_to_choose(desk):
    with workspace_scope(desk.membership.workspace_id):
        data = {name: value for name, value in form(desk).items() if name not in ("when", "cron")}
        aware = "2999-07-01T09:00:00+05:00"
        once = ScheduleForm(data | {"once_at": aware})
        assert once.is_valid(), once.errors
        assert once.cleaned_data["once_at"] == datetime(2999, 7, 1, 4, tzinfo=UTC)
        assert not ScheduleForm(data).is_valid()
