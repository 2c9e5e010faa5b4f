"""A stream ends with the right to it, and says why; who comes back is answered by admission."""

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from agenhood.fleet.permissions import FleetPermission
from agenhood.live.admission import Standing
from agenhood.live.watch import reasons_to_end
from tests.factories import MembershipFactory
from tests.live.conftest import say, signed_in
from workspaces.models import Membership, Workspace
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope


def sign_out(member, client):
    client.logout()


def let_the_session_expire(member, client):
    Session.objects.update(expire_date=timezone.now())


def change_the_password(member, client):
    member.user.set_password("another good long password")
    member.user.save()


def close_the_account(member, client):
    with platform_scope("test"):
        member.user.is_active = False
        member.user.save(update_fields=["is_active"])


def sign_in_as_somebody_else(member, client):
    """The same session's key, of which the store says now that it is another person's."""
    Session.objects.update(
        session_data=Session.objects.model.get_session_store_class()().encode({})
    )


def remove(member, client):
    with platform_scope("test"):
        Membership.objects.filter(pk=member.pk).delete()


def make_auditor(member, client):
    with platform_scope("test"):
        Membership.objects.filter(pk=member.pk).update(role=Role.AUDITOR)


def require_a_second_factor(member, client):
    with platform_scope("test"):
        Workspace.objects.filter(pk=member.workspace_id).update(requires_second_factor=True)


def suspend_it(member, client):
    suspend(member.workspace, "unpaid bill")


@pytest.mark.parametrize(
    ("change", "reason", "status"),
    [
        (sign_out, "signed_out", 401),
        (let_the_session_expire, "signed_out", 401),
        (change_the_password, "signed_out", 401),
        (close_the_account, "signed_out", 401),
        (sign_in_as_somebody_else, "signed_out", 401),
        (remove, "no_access", 404),
        (make_auditor, "no_access", 403),
        (require_a_second_factor, "no_access", 403),
        (suspend_it, "suspended", 403),
    ],
)
def test_a_stream_ends_with_the_right_to_it(desk, viewer, task, change, reason, status):
    client = signed_in(viewer.user)
    path = f"/w/{viewer.workspace.slug}/stream/?task={task.pk}"
    cookie = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    stream = desk.open(client, path)
    stream.next()

    change(viewer, client)

    assert stream.first("end").data == {"reason": reason}
    assert stream.next() is None
    again = desk.open(None, path, **cookie)
    assert (again.status, again.response.getheader("Location")) == (status, None)


def test_the_fleets_stream_ends_as_well(desk, viewer):
    stream = desk.open(viewer.user, f"/w/{viewer.workspace.slug}/stream/?fleet")
    stream.next()

    remove(viewer, None)

    assert stream.first("end").data == {"reason": "no_access"}


def test_others_go_on(desk, viewer, task):
    fellow = MembershipFactory(workspace=viewer.workspace)
    ends, stays = desk.watch(viewer, task), desk.watch(fellow, task)
    ends.next(), stays.next()
    remove(viewer, None)
    ends.first("end")

    say(task, "after")

    assert stays.first("step").number == 1


def test_asking_again_takes_as_many_statements_for_a_thousand(
    committed_db, viewer, task, django_assert_num_queries
):
    key = signed_in(viewer.user).cookies["sessionid"].value
    standings = [
        Standing(key, viewer.user_id, viewer.workspace_id, FleetPermission.HISTORY_VIEW)
        for _ in range(1000)
    ]
    with django_assert_num_queries(5):  # two of them, and a transaction's own
        assert set(reasons_to_end(standings)) == {""}
