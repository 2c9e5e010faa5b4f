"""The scope: entered once, left for good, and never in two workspaces at a time."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory, UserFactory, WorkspaceFactory
from workspaces.models import Membership, Workspace
from workspaces.scope import (
    NoActiveWorkspace,
    NotAMember,
    ScopeConflict,
    current_scope,
    member_scope,
    person_scope,
    platform_scope,
    workspace_scope,
)

SETTINGS = (
    "SELECT current_setting('agenhood.workspace_id', true),"
    " current_setting('agenhood.user_id', true), current_user"
)


def settings() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        return tuple(value or "" for value in cursor.fetchone())


OUTSIDE = ("", "", "agenhood_app")


def test_outside_a_scope_a_workspaces_data_raises(db):
    ProjectFactory()

    with pytest.raises(NoActiveWorkspace):
        Project.objects.count()
    with pytest.raises(NoActiveWorkspace):
        current_scope()


def test_a_scope_tells_code_and_database_and_takes_both_back(db):
    member = MembershipFactory()

    with workspace_scope(member.workspace_id, user_id=member.user_id):
        assert current_scope().workspace_id == member.workspace_id
        assert settings() == (str(member.workspace_id), str(member.user_id), "agenhood_app")

    assert settings() == OUTSIDE
    with pytest.raises(NoActiveWorkspace):
        current_scope()


def test_settings_end_with_the_transaction(committed_db):
    workspace = WorkspaceFactory()

    with workspace_scope(workspace.pk):
        assert settings()[0] == str(workspace.pk)

    assert settings() == OUTSIDE
    assert not connection.in_atomic_block


def test_an_exception_rolls_back_what_the_scope_wrote(db):
    workspace = WorkspaceFactory()

    with pytest.raises(ZeroDivisionError), workspace_scope(workspace.pk):
        Project.objects.create(name="Harrier")
        raise ZeroDivisionError

    assert settings() == OUTSIDE
    with workspace_scope(workspace.pk):
        assert Project.objects.count() == 0


@pytest.mark.parametrize("kind", ["workspace", "person", "platform"])
def test_another_scope_cannot_be_entered_inside_one(db, kind):
    workspace, other, person = WorkspaceFactory(), WorkspaceFactory(), UserFactory()
    inner = {
        "workspace": workspace_scope(other.pk),
        "person": person_scope(person.pk),
        "platform": platform_scope("test"),
    }[kind]

    with workspace_scope(workspace.pk):
        with pytest.raises(ScopeConflict), inner:
            raise AssertionError
        assert settings()[0] == str(workspace.pk)


def test_the_same_scope_again_is_a_savepoint_in_it(db):
    workspace = WorkspaceFactory()

    with workspace_scope(workspace.pk):
        Project.objects.create(name="Harrier")
        with pytest.raises(ZeroDivisionError), workspace_scope(workspace.pk):
            Project.objects.create(name="Kestrel")
            raise ZeroDivisionError
        assert [project.name for project in Project.objects.all()] == ["Harrier"]


def test_one_scope_object_is_entered_once_at_a_time(committed_db):
    """Entered twice, its second leaving would leave the first one open after its transaction."""
    workspace = WorkspaceFactory()
    scope = workspace_scope(workspace.pk)

    with scope, pytest.raises(ScopeConflict), scope:
        raise AssertionError
    with pytest.raises(NoActiveWorkspace):
        current_scope()
    with scope:
        assert current_scope().workspace_id == workspace.pk
    assert not connection.in_atomic_block


@pytest.mark.parametrize("nothing", [None, "", [], "acme", 0])
def test_nothing_is_no_workspace(nothing):
    with pytest.raises(TypeError):
        workspace_scope(nothing)


def test_an_unknown_workspace_is_an_empty_one(db):
    ProjectFactory()

    with workspace_scope(uuid.uuid4()):
        assert Project.objects.count() == 0


def test_a_generator_cannot_hold_a_scope(db):
    workspace = WorkspaceFactory()

    def names():
        with workspace_scope(workspace.pk):
            yield from Project.objects.values_list("name", flat=True)

    with pytest.raises(ScopeConflict, match="names"):
        next(names())
    with pytest.raises(NoActiveWorkspace):
        current_scope()


async def test_an_async_generator_cannot_hold_a_scope(db):
    async def names():
        async with workspace_scope(uuid.uuid4()):
            yield 1

    with pytest.raises(ScopeConflict, match="names"):
        await anext(names())


def test_a_member_scope_asks_for_the_membership(db):
    member = MembershipFactory()

    with member_scope(member.workspace.slug, member.user_id) as scope:
        assert scope.membership == member
        assert scope.membership.workspace == member.workspace
        assert current_scope().workspace_id == member.workspace_id


@pytest.mark.parametrize("known", [True, False])
def test_a_stranger_enters_nothing(db, known):
    slug = WorkspaceFactory().slug if known else "no-such-workspace"
    stranger = MembershipFactory().user

    with pytest.raises(NotAMember), member_scope(slug, stranger.pk):
        raise AssertionError

    assert settings() == OUTSIDE
    assert not connection.needs_rollback


def test_a_suspended_workspace_is_entered_for_reading_only(committed_db):
    member = MembershipFactory()
    with platform_scope("test"):
        Workspace.objects.filter(pk=member.workspace_id).update(suspended_at="2026-01-01T00:00Z")

    with (
        pytest.raises(DatabaseError, match="read-only"),
        member_scope(member.workspace.slug, member.user_id),
    ):
        assert Project.objects.count() == 0
        Project.objects.create(name="Harrier")

    with workspace_scope(member.workspace_id):
        assert Project.objects.create(name="Kestrel").pk  # the next transaction may write


def test_a_person_sees_their_own_memberships_and_nobody_elses(db):
    mine, theirs = MembershipFactory(), MembershipFactory()

    with person_scope(mine.user_id):
        seen = list(Membership.objects.unscoped("test"))
        workspaces = list(Workspace.objects.all())
        with pytest.raises(NoActiveWorkspace):
            Membership.objects.count()

    assert seen == [mine]
    assert workspaces == [mine.workspace]
    assert theirs.workspace not in workspaces


def test_the_platform_sees_members_and_nothing_inside(db):
    project = ProjectFactory()

    with platform_scope("test"):
        assert settings()[2] == "agenhood_platform"
        assert Membership.objects.count() == Workspace.objects.count() == 1
        with pytest.raises(NoActiveWorkspace):
            Project.objects.count()
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Project.objects.raw("SELECT * FROM fleet_project")[0]

    assert settings() == OUTSIDE
    with workspace_scope(project.workspace_id):
        assert Project.objects.get() == project


def test_what_runs_on_commit_is_no_longer_in_the_scope(committed_db):
    workspace = WorkspaceFactory()
    found: list[object] = []

    def after() -> None:
        try:
            found.append(current_scope())
        except NoActiveWorkspace as error:
            found.append(error)

    with workspace_scope(workspace.pk):
        transaction.on_commit(after)

    assert [type(result) for result in found] == [NoActiveWorkspace]
