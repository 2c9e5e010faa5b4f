"""Jobs, done by a real worker: queued with their row, in one workspace, by whom it is allowed.

Vector 38: a job without its workspace, or in another one's.
"""

import json
import signal
from uuid import uuid4

import pytest
from django.db import connection, transaction

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from tests.postgres import superuser
from tests.workers import probes
from tests.workers.run import jobs, until, waiting, work_off, worker
from workspaces.jobs import RESCUE, each_workspace
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import (
    NoActiveWorkspace,
    open_scope,
    person_scope,
    platform_scope,
    workspace_scope,
)


@pytest.fixture
def mine(committed_db):
    return MembershipFactory(role=Role.OPERATOR)


def scope_of(member):
    return workspace_scope(member.workspace_id, user_id=member.user_id)


def projects(workspace_id):
    with superuser() as past_everything:
        rows = past_everything.execute(
            "SELECT name FROM fleet_project WHERE workspace_id = %s ORDER BY name", [workspace_id]
        )
        return [name for (name,) in rows]


def trail(workspace_id):
    with superuser() as past_everything:
        return past_everything.execute(
            "SELECT action, outcome, reason FROM workspaces_auditentry"
            " WHERE workspace_id = %s AND action LIKE 'probe%%' ORDER BY number",
            [workspace_id],
        ).fetchall()


def set_member(member, **values):
    with platform_scope("test"):
        Membership.objects.filter(pk=member.pk).update(**values)


# Queueing


def test_a_job_is_done_by_a_worker_and_then_gone_from_the_queue(mine):
    with worker() as process:
        with scope_of(mine):
            probes.write.defer(number=1)

        until(lambda: projects(mine.workspace_id) == ["probe-1"], process)
        until(lambda: jobs() == [], process)


def test_a_job_is_queued_with_its_row_or_not_at_all(mine):
    class Failure(Exception):
        pass

    with pytest.raises(Failure), scope_of(mine):
        Project.objects.create(name="Harrier")
        probes.write.defer(number=1)
        raise Failure
    with scope_of(mine), pytest.raises(Failure), transaction.atomic():
        probes.write.defer(number=2)
        raise Failure

    assert jobs() == []
    work_off()
    assert projects(mine.workspace_id) == []


def test_a_job_is_seen_by_no_worker_before_the_commit(mine):
    with scope_of(mine):
        probes.write.defer(number=1)
        assert jobs() == []

    assert jobs() == [("probe.write", "todo", 0)]


def test_a_job_without_a_workspace_raises(mine):
    with pytest.raises(NoActiveWorkspace):
        probes.write.defer(number=1)
    with pytest.raises(NoActiveWorkspace), person_scope(mine.user_id):
        probes.write.defer(number=1)
    with pytest.raises(NoActiveWorkspace), platform_scope("test"):
        probes.write.defer(number=1)

    assert jobs() == []


def test_a_job_for_a_person_is_queued_by_nobody_else(mine):
    with workspace_scope(mine.workspace_id), pytest.raises(TypeError, match="on behalf of"):
        probes.write.defer(number=1)


@pytest.mark.parametrize("value", ["a name", 1.5, None, True, {"a": 1}, ["x"]])
def test_a_job_is_handed_ids_only(mine, value):
    """The queue has no row security: what a workspace wrote has no place there."""
    with scope_of(mine), pytest.raises(TypeError, match="ids only"):
        probes.write.defer(number=value)


def test_the_queue_holds_ids_and_nothing_else(mine):
    project = ProjectFactory(workspace=mine.workspace, name="Kestrel secret")
    with scope_of(mine):
        probes.rename.defer(project_id=project.pk)

    with superuser() as past_everything:
        (args,) = past_everything.execute("SELECT args FROM procrastinate_jobs").fetchone()
    assert args == {
        "workspace_id": str(mine.workspace_id),
        "actor_id": str(mine.user_id),
        "project_id": str(project.pk),
    }


def test_what_the_queue_tells_its_listeners_is_a_number(mine):
    """Vector 31: its channels are the instance's, and whoever listens learns nothing of whom."""
    channels = ("procrastinate_any_queue_v1", "procrastinate_queue_v1#default")
    with superuser() as past_everything:
        for channel in channels:
            past_everything.execute(f'LISTEN "{channel}"')
        with scope_of(mine):
            number = probes.write.defer(number=1)
        told = list(past_everything.notifies(timeout=10, stop_after=2))

    assert {notice.channel for notice in told} == set(channels)
    for notice in told:
        assert json.loads(notice.payload) == {"type": "job_inserted", "job_id": number}


def test_many_jobs_of_one_workspace_wait_behind_few_of_another(mine):
    other = MembershipFactory(role=Role.OPERATOR)
    with scope_of(mine):
        for number in range(4):
            probes.write.defer(number=number)
    with scope_of(other):
        probes.write.defer(number=9)

    with superuser() as past_everything:
        order = past_everything.execute(
            "SELECT (args ->> 'number')::int FROM procrastinate_jobs ORDER BY priority DESC, id"
        ).fetchall()
    assert [number for (number,) in order] == [0, 9, 1, 2, 3]


# Whose it is


def test_two_workspaces_jobs_never_mix(mine):
    """Four at once in one process, from both sides, each handed an id of the other as well."""
    theirs = MembershipFactory(role=Role.OPERATOR)
    sides = {}
    for member, bird in ((mine, "harrier"), (theirs, "kestrel")):
        sides[member.pk] = [
            ProjectFactory(workspace=member.workspace, name=f"{bird}-{n}") for n in range(6)
        ]
    for ours, foreign in zip(sides[mine.pk], sides[theirs.pk], strict=True):
        with scope_of(mine):
            probes.rename.defer(project_id=foreign.pk)
            probes.rename.defer(project_id=ours.pk)
        with scope_of(theirs):
            probes.rename.defer(project_id=ours.pk)
            probes.rename.defer(project_id=foreign.pk)

    with worker("--concurrency", "4") as process:
        until(lambda: jobs() == [], process)

    for member, bird in ((mine, "harrier"), (theirs, "kestrel")):
        wanted = [f"{bird}-{n} saw {bird}" for n in range(6)]
        assert projects(member.workspace_id) == wanted


def test_a_job_that_forgets_its_scope_reaches_nothing(mine):
    """Vectors 10, 36, 38: after another job has had one in the same thread."""
    with scope_of(mine):
        probes.write.defer(number=1)
        probes.forget_scope.defer()

    work_off()

    assert projects(mine.workspace_id) == ["probe-1"]
    assert jobs() == [("probe.forget_scope", "failed", 1)]
    assert trail(mine.workspace_id) == [("probe.forget_scope", "failed", "NoActiveWorkspace")]
    assert open_scope() is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('agenhood.workspace_id', true)")
        assert not cursor.fetchone()[0]


def test_a_forged_jobs_workspace_opens_nothing_that_the_person_may_not(mine):
    """Whoever could write into the queue would still have to name a member."""
    stranger = MembershipFactory(role=Role.OWNER)
    with scope_of(mine):
        probes.write.defer(number=1)
    with superuser() as past_everything:
        past_everything.execute(
            "UPDATE procrastinate_jobs SET args = args || jsonb_build_object('actor_id', %s::text)",
            [str(stranger.user_id)],
        )

    work_off()

    assert projects(mine.workspace_id) == projects(stranger.workspace_id) == []


# Who may


def remove(member):
    with platform_scope("test"):
        Membership.objects.filter(pk=member.pk).delete()


def close_account(member):
    with platform_scope("test"):
        member.user.is_active = False
        member.user.save(update_fields=["is_active"])


def suspend(member):
    with platform_scope("test"):
        Workspace.objects.filter(pk=member.workspace_id).update(suspended_at="2026-01-01T00:00Z")


def require_second_factor(member):
    with workspace_scope(member.workspace_id):
        Workspace.objects.update(requires_second_factor=True)


REFUSALS = {
    "removed": (remove, "the person is no active member of the workspace"),
    "closed": (close_account, "the person is no active member of the workspace"),
    "demoted": (
        lambda member: set_member(member, role=Role.VIEWER),
        "the person's role does not hold project.edit any more",
    ),
    "suspended": (suspend, "the workspace is suspended"),
    "kept out": (
        require_second_factor,
        "the person lacks the second factor that the workspace requires",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_job_refuses_what_its_person_may_not_any_more(mine, what):
    happens, reason = REFUSALS[what]
    with scope_of(mine):
        probes.write.defer(number=1)
    happens(mine)

    work_off()

    assert projects(mine.workspace_id) == []
    assert jobs() == [("probe.write", "aborted", 1)]
    assert trail(mine.workspace_id) == [("probe.write", "denied", reason)]


def test_a_job_asks_again_at_each_scope(mine, monkeypatch):
    """Removed between two steps: the second step is refused."""
    project = ProjectFactory(workspace=mine.workspace, name="harrier")
    with scope_of(mine):
        probes.rename.defer(project_id=project.pk)
    names = Project.objects.values_list

    def remove_meanwhile(*args, **kwargs):
        with superuser() as past_everything:
            past_everything.execute("DELETE FROM workspaces_membership WHERE id = %s", [mine.pk])
        return names(*args, **kwargs)

    monkeypatch.setattr(Project.objects, "values_list", remove_meanwhile)
    work_off()

    assert projects(mine.workspace_id) == ["harrier"]
    assert jobs() == [("probe.rename", "aborted", 1)]


def test_a_job_of_a_workspace_that_is_gone_ends_and_leaves_nothing(committed_db):
    workspace = WorkspaceFactory()
    with workspace_scope(workspace.pk):
        probes.for_nobody.defer()
    with superuser() as past_everything:
        past_everything.execute(
            "UPDATE procrastinate_jobs"
            " SET args = args || jsonb_build_object('workspace_id', %s::text)",
            [str(uuid4())],
        )

    work_off()

    assert jobs() == [("probe.for_nobody", "aborted", 1)]


def test_a_job_for_nobody_runs_for_the_workspace_itself(committed_db):
    workspace = WorkspaceFactory()
    with workspace_scope(workspace.pk):
        probes.for_nobody.defer()

    work_off()

    assert projects(workspace.pk) == ["probe for nobody"]


# What goes wrong


def test_a_job_that_fails_is_tried_again_and_then_ended_for_good(mine, monkeypatch, caplog):
    monkeypatch.setattr("workspaces.jobs.RETRY_AFTER_SECONDS", (0,))
    with scope_of(mine):
        probes.fail.defer()

    work_off()

    assert projects(mine.workspace_id) == ["ended failed"]
    assert jobs() == [("probe.fail", "failed", 2)]
    assert trail(mine.workspace_id) == [("probe.fail", "failed", "ValueError")]
    ours = [r.getMessage() for r in caplog.records if r.name == "workspaces.jobs"]
    assert len([line for line in ours if "ValueError" in line]) == 3
    assert not [line for line in ours if "Kestrel" in line]


def test_a_killed_workers_job_is_begun_anew_and_not_for_ever(mine):
    """kill -9 in the middle: what was committed stays, what was not is gone, the job goes on."""
    quick = ("--concurrency", "1", "--heartbeat", "0.2", "--stalled-after", "1")
    with scope_of(mine):
        probes.kill_worker.defer()
    with worker(*quick) as first:
        until(lambda: first.poll() is not None)
    assert first.returncode == -signal.SIGKILL
    assert projects(mine.workspace_id) == ["begun-1"]
    assert jobs() == [("probe.kill_worker", "doing", 0)]

    with worker(*quick) as second:
        until(lambda: "half-2" in projects(mine.workspace_id), second)
        until(lambda: jobs() == [], second)
        with scope_of(mine):
            probes.always_kill_worker.defer()
        until(lambda: second.poll() is not None)
    with worker(*quick) as third:
        until(lambda: not waiting(), third)

    assert projects(mine.workspace_id) == [
        "begun-1",
        "begun-2",
        "gave up before attempt 2",
        "half-2",
    ]
    assert trail(mine.workspace_id) == [
        ("probe.always_kill_worker", "failed", "none of 1 attempts came to an end")
    ]


def test_a_worker_that_is_asked_to_end_ends(mine):
    with worker() as process:
        with scope_of(mine):
            probes.write.defer(number=1)
        until(lambda: projects(mine.workspace_id), process)
        process.terminate()
        output, _ = process.communicate(timeout=10)

    assert process.returncode == 0
    assert "probe.write" in output
    assert "Traceback" not in output


# In every workspace


def test_what_is_done_in_each_workspace_fails_in_one_alone(committed_db, caplog):
    places = [WorkspaceFactory() for _ in range(3)]

    def work():
        if open_scope().workspace_id == places[1].pk:
            raise ValueError("Kestrel")
        Project.objects.create(name="was here")

    with pytest.raises(ValueError, match="Kestrel"):
        each_workspace("test", work)

    assert [projects(place.pk) for place in places] == [["was here"], [], ["was here"]]
    assert "Kestrel" not in caplog.text
    assert open_scope() is None


def test_a_periodic_job_of_a_dead_worker_keeps_no_other_from_being_rescued(mine):
    """It is queued for its next time already, and may be so only once."""
    with scope_of(mine):
        probes.write.defer(number=1)
    with superuser() as past_everything:
        past_everything.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        for status in ("doing", "todo"):
            past_everything.execute(
                "INSERT INTO procrastinate_jobs"
                " (queue_name, task_name, lock, queueing_lock, status)"
                " VALUES ('default', 'probe.tick', 'tick', 'tick', %s)",
                [status],
            )
        with connection.cursor() as cursor:
            cursor.execute(RESCUE, [30])
        left = past_everything.execute(
            "SELECT task_name, status::text FROM procrastinate_jobs ORDER BY id"
        ).fetchall()

    assert left == [("probe.write", "todo"), ("probe.tick", "todo")]
