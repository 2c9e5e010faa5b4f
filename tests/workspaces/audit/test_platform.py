"""What the platform does to a workspace stands on that workspace's own trail."""

import pytest
from django.urls import reverse

from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from workspaces.audit.models import AuditEntry
from workspaces.models import Membership, Workspace
from workspaces.provisioning import resume, suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


@pytest.fixture
def staff(client, db):
    person = UserFactory(email="staff@platform.test", is_staff=True)
    client.force_login(person)
    return person


def trail(workspace):
    with workspace_scope(workspace.pk):
        return list(AuditEntry.objects.order_by("number"))


def posted(workspace, members, **fields):
    """Return what the workspace's page posts, with `members` as (membership or None, fields)."""
    sent = {"name": workspace.name, "colour": workspace.colour, "suspension_reason": ""}
    sent |= {"max_running_tasks": "4", "max_queued_tasks": "1000", **fields}
    initial = [row for row, _ in members if row]
    sent |= {
        "memberships-TOTAL_FORMS": len(members),
        "memberships-INITIAL_FORMS": len(initial),
        "memberships-MIN_NUM_FORMS": 0,
        "memberships-MAX_NUM_FORMS": 1000,
    }
    for index, (membership, values) in enumerate(members):
        prefix = f"memberships-{index}-"
        row = {"id": membership.pk if membership else "", "workspace": workspace.pk}
        if membership:
            row |= {"user": membership.user_id, "role": membership.role}
        sent |= {prefix + name: value for name, value in (row | values).items()}
    return sent


def change_page(workspace):
    return reverse("admin:workspaces_workspace_change", args=[workspace.pk])


def test_a_new_workspaces_trail_begins_with_who_made_it(client, staff):
    answer = client.post(
        reverse("admin:workspaces_workspace_add"),
        {"name": "Acme", "slug": "acme", "colour": "blue", "owner_email": "ann@acme.test"},
        headers={"User-Agent": "A browser"},
    )

    assert answer.status_code in (200, 302)
    with platform_scope("find it"):
        workspace = Workspace.objects.get(slug="acme")
    (entry,) = trail(workspace)
    assert (entry.number, entry.action, entry.target_label) == (1, "workspace.create", "Acme")
    assert (entry.actor_kind, entry.actor_label) == ("staff", "staff@platform.test")
    assert entry.actor_id == str(staff.pk)
    assert entry.changes["owner"] == [None, "ann@acme.test"]
    assert (entry.ip, entry.user_agent) == ("127.0.0.1", "A browser")
    assert answer["X-Request-ID"] == entry.request_id


def test_members_whom_the_platform_adds_changes_and_removes_are_on_the_trail(client, staff):
    workspace = WorkspaceFactory()
    with platform_scope("read"):
        owner = Membership.objects.select_related("user").get(workspace=workspace)
    going = MembershipFactory(workspace=workspace, role=Role.VIEWER)
    changing = MembershipFactory(workspace=workspace, role=Role.VIEWER)
    coming = UserFactory()
    other = WorkspaceFactory()
    rows = [
        (owner, {}),
        (going, {"DELETE": "on"}),
        (changing, {"role": "admin"}),
        (None, {"user": coming.pk, "role": "operator"}),
    ]

    answer = client.post(change_page(workspace), posted(workspace, rows))

    assert answer.status_code == 302, answer.text
    found = {(e.action, e.target_label): e for e in trail(workspace)[1:]}
    assert set(found) == {
        ("member.remove", going.user.email),
        ("member.change", changing.user.email),
        ("member.create", coming.email),
    }
    assert found["member.change", changing.user.email].changes == {"role": ["viewer", "admin"]}
    assert {e.actor_kind for e in found.values()} == {"staff"}
    assert len(trail(other)) == 1


def test_suspending_and_renaming_are_on_the_trail(client, staff):
    workspace = WorkspaceFactory(name="Acme")
    with platform_scope("read"):
        owner = Membership.objects.get(workspace=workspace)
    sent = posted(
        workspace, [(owner, {})], name="Acme 2", suspended="on", suspension_reason="Unpaid"
    )

    assert client.post(change_page(workspace), sent).status_code == 302

    entry = trail(workspace)[-1]
    assert entry.action == "workspace.suspend"
    assert entry.changes == {
        "name": ["Acme", "Acme 2"],
        "suspended": [False, True],
        "suspension_reason": ["", "Unpaid"],
    }


def test_an_account_that_is_closed_is_on_the_trail_of_each_of_its_workspaces(client, staff):
    person = UserFactory()
    memberships = [MembershipFactory(user=person), MembershipFactory(user=person)]
    bystander = MembershipFactory()
    page = reverse("admin:accounts_user_change", args=[person.pk])

    assert client.post(page, {"name": person.name}).status_code == 302
    assert client.post(page, {"name": person.name, "is_active": "on"}).status_code == 302

    for membership in memberships:
        assert [e.action for e in trail(membership.workspace)[1:]] == [
            "member.deactivate",
            "member.reactivate",
        ]
    assert len(trail(bystander.workspace)) == 1


def test_commands_are_on_the_trail(db):
    workspace = WorkspaceFactory()

    suspend(workspace, "Unpaid")
    resume(workspace)

    made, suspended, resumed = trail(workspace)
    assert [made.action, suspended.action, resumed.action] == [
        "workspace.create",
        "workspace.suspend",
        "workspace.reactivate",
    ]
    assert (suspended.actor_kind, suspended.reason) == ("system", "Unpaid")


def test_a_change_that_is_taken_back_leaves_no_row(client, staff):
    """Its owner's demotion is refused by the database, with all that the form changed."""
    workspace = WorkspaceFactory()
    with platform_scope("read"):
        owner = Membership.objects.get(workspace=workspace)
    heir = UserFactory()
    rows = [(owner, {"role": "viewer"}), (None, {"user": heir.pk, "role": "viewer"})]

    client.post(change_page(workspace), posted(workspace, rows, name="Other"))

    assert len(trail(workspace)) == 1
