"""Who may watch: everybody else gets a status at once, and never a way to sign-in."""

import pytest
from django.utils import timezone

from tests import postgres
from tests.factories import AgentFactory, MembershipFactory, TaskFactory, UserFactory
from tests.live.conftest import PER_PERSON
from workspaces.models import Workspace
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN, 200),
        (Role.OPERATOR, 200),
        (Role.VIEWER, 200),
        (Role.AUDITOR, 403),
    ],
)
def test_each_role(desk, viewer, task, role, status):
    member = MembershipFactory(workspace=viewer.workspace, role=role)
    for query, first in [(f"task={task.pk}", "status"), ("fleet", "fleet")]:
        stream = desk.open(member.user, f"/w/{viewer.workspace.slug}/stream/?{query}")

        assert stream.status == status
        if status != 200:
            continue
        assert stream.response.getheader("Content-Type").startswith("text/event-stream")
        assert "no-transform" in stream.response.getheader("Cache-Control")
        assert stream.response.getheader("X-Accel-Buffering") == "no"
        assert stream.next().name == first


def test_whoever_is_not_signed_in_is_told_so(desk, viewer, task):
    stream = desk.open(None, f"/w/{viewer.workspace.slug}/stream/?task={task.pk}")

    assert (stream.status, stream.response.getheader("Location")) == (401, None)
    assert str(task.pk) not in stream.response.read().decode()


@pytest.mark.parametrize("slug", ["{slug}", "nowhere", "NOWHERE", "%00", "a" * 50])
def test_strangers_are_told_nothing(desk, viewer, task, slug):
    stranger = MembershipFactory(role=Role.OWNER).user

    path = f"/w/{slug.format(slug=viewer.workspace.slug)}/stream/?task={task.pk}"
    stream = desk.open(stranger, path)

    assert (stream.status, stream.response.read()) == (404, b"There is nothing here.")


def test_a_task_of_another_workspace_is_as_none(desk, viewer):
    theirs = TaskFactory()
    member = MembershipFactory(workspace=theirs.workspace)
    assert desk.watch(member, theirs).status == 200

    foreign = desk.watch(viewer, theirs)
    absent = desk.open(viewer.user, f"/w/{viewer.workspace.slug}/stream/?task={viewer.pk}")
    unreadable = desk.open(viewer.user, f"/w/{viewer.workspace.slug}/stream/?task=1")

    answers = {(one.status, one.response.read()) for one in (foreign, absent, unreadable)}
    assert answers == {(404, b"There is nothing here.")}


def test_a_member_without_the_second_factor_that_is_required(desk, viewer, task):
    with platform_scope("test"):
        Workspace.objects.filter(pk=viewer.workspace_id).update(requires_second_factor=True)

    assert desk.watch(viewer, task).status == 403


def test_a_suspended_workspace_is_not_watched(desk, viewer, task):
    suspend(viewer.workspace, "unpaid bill")

    assert desk.watch(viewer, task).status == 403


def test_somebody_whose_account_is_closed(desk, viewer, task):
    client_before = desk.watch(viewer, task)
    assert client_before.status == 200
    with platform_scope("test"):
        viewer.user.is_active = False
        viewer.user.save(update_fields=["is_active"])

    assert desk.watch(viewer, task).status == 401


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({}, "POST", 405),
        ({}, "HEAD", 405),
        ({}, "DELETE", 405),
        ({"Origin": "https://elsewhere.example"}, "GET", 403),
        ({"Origin": "null"}, "GET", 403),
        ({"Sec_Fetch_Site": "cross-site"}, "GET", 403),
        ({"Sec_Fetch_Site": "same-site"}, "GET", 403),
        ({"Host": "elsewhere.example"}, "GET", 400),
        ({"Sec_Fetch_Site": "same-origin"}, "GET", 200),
    ],
)
def test_where_a_request_comes_from(desk, viewer, task, headers, method, status):
    assert desk.watch(viewer, task, method=method, **headers).status == status


def test_the_consoles_own_origin_may(desk, viewer, task):
    own = f"http://127.0.0.1:{desk.port}"

    assert desk.watch(viewer, task, Origin=own).status == 200


def test_a_refused_member_is_on_the_audit_trail(desk, viewer, task):
    auditor = MembershipFactory(workspace=viewer.workspace, role=Role.AUDITOR)

    desk.watch(auditor, task)

    with postgres.superuser() as connection:
        entries = connection.execute(
            "SELECT action, actor_label, target_id FROM workspaces_auditentry"
            " WHERE outcome = 'denied'"
        ).fetchall()
    assert entries == [("task.watch", auditor.user.email, str(task.pk))]


def test_a_person_has_only_so_many_streams(desk, viewer, task):
    streams = [desk.watch(viewer, task) for _ in range(PER_PERSON)]
    assert {stream.status for stream in streams} == {200}

    assert desk.watch(viewer, task).status == 429
    assert desk.watch(MembershipFactory(workspace=viewer.workspace), task).status == 200
    streams[0].close()
    statuses = iter(lambda: desk.watch(viewer, task).status, 200)
    assert all(status == 429 for status in statuses)


def test_everything_else_is_answered_as_before(desk, viewer, task):
    page = desk.open(viewer.user, f"/w/{viewer.workspace.slug}/tasks/{task.pk}/")
    assert page.status == 200
    assert desk.open(None, f"/w/{viewer.workspace.slug}/stream/more/").status == 302
    assert desk.open(None, "/livez").status == 200


def test_a_stream_of_somebody_in_no_workspace(desk, committed_db):
    agent = AgentFactory(state_since=timezone.now())

    assert desk.open(UserFactory(), f"/w/{agent.workspace.slug}/stream/?fleet").status == 404
