"""A workspace always has an owner who can sign in, whichever way somebody tries to take the last.

The database holds the rule, so most of this is SQL. Races are two open transactions: the second one
is let go on only when the server says that it waits for the first, or that it is done.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, connections
from psycopg.errors import CheckViolation

from accounts.models import User
from tests import postgres
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from tests.isolation.sql import refused, run
from workspaces.database.roles import APP, PLATFORM
from workspaces.membership import (
    LAST_OWNER,
    MembershipRefused,
    leave,
    remove,
    transfer_ownership,
)
from workspaces.models import Membership, Workspace
from workspaces.provisioning import provision_workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

RULE = "a workspace always has an owner"

DEMOTE = "UPDATE workspaces_membership SET role = 'admin' WHERE id = %(owner)s"
DELETE = "DELETE FROM workspaces_membership WHERE id = %(owner)s"
# What one statement does to all rows at once counts as much as what it does to one.
STATEMENTS = {
    "demoted": DEMOTE,
    "removed": DELETE,
    "everybody demoted": "UPDATE workspaces_membership SET role = 'viewer'",
    "everybody removed": "DELETE FROM workspaces_membership",
    "handed to a closed account": (
        "UPDATE workspaces_membership SET user_id = %(closed)s WHERE id = %(owner)s"
    ),
    "demoted by an upsert": (
        "INSERT INTO workspaces_membership (id, workspace_id, user_id, role, created_at)"
        " SELECT gen_random_uuid(), workspace_id, user_id, 'viewer', now()"
        " FROM workspaces_membership WHERE id = %(owner)s"
        " ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = EXCLUDED.role"
    ),
    "demoted by a merge": (
        "MERGE INTO workspaces_membership AS m USING (SELECT %(owner)s::uuid AS id) AS one"
        " ON m.id = one.id WHEN MATCHED THEN UPDATE SET role = 'auditor'"
    ),
    "demoted in a statement's own table": (
        "WITH gone AS (DELETE FROM workspaces_membership WHERE id = %(owner)s RETURNING *)"
        " SELECT count(*) FROM gone"
    ),
}


def owner_of(workspace: Workspace) -> Membership:
    with workspace_scope(workspace.pk):
        return Membership.objects.get(role=Role.OWNER)


@pytest.fixture
def owner(db: None) -> Membership:
    """The only owner of a workspace that has an admin too, and an owner with a closed account."""
    workspace = WorkspaceFactory()
    MembershipFactory(workspace=workspace, role=Role.ADMIN)
    closed = MembershipFactory(workspace=workspace, role=Role.OWNER)
    with platform_scope("close an account"):
        User.objects.filter(pk=closed.user_id).update(is_active=False)
    with workspace_scope(workspace.pk):
        return Membership.objects.get(role=Role.OWNER, user__is_active=True)


@pytest.fixture
def names(owner: Membership) -> dict[str, Any]:
    """What the statements name, which the console may see: fellow members."""
    with workspace_scope(owner.workspace_id):
        closed = User.objects.get(is_active=False)
        return {"owner": owner.pk, "closed": closed.pk}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_last_owner_stays_whatever_sql_the_console_runs(
    owner: Membership, names: dict[str, Any], statement: str
) -> None:
    with workspace_scope(owner.workspace_id, user_id=owner.user_id):
        unique = "handed" in statement  # the closed account is a member already
        if unique:
            run("DELETE FROM workspaces_membership WHERE user_id = %(closed)s", names)
        with refused(IntegrityError, RULE):
            run(STATEMENTS[statement], names)
        assert Membership.objects.get(pk=owner.pk).role == Role.OWNER


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_last_owner_stays_whatever_sql_the_platform_runs(
    owner: Membership, names: dict[str, Any], statement: str
) -> None:
    with platform_scope("test"):
        if "handed" in statement:
            run("DELETE FROM workspaces_membership WHERE user_id = %(closed)s", names)
        with refused(IntegrityError, RULE):
            run(STATEMENTS[statement], names)
        assert Membership.objects.get(pk=owner.pk).role == Role.OWNER


def test_the_last_owners_account_stays_open(owner: Membership) -> None:
    with platform_scope("test"), refused(IntegrityError, RULE):
        run("UPDATE accounts_user SET is_active = false WHERE id = %s", [owner.user_id])

    with platform_scope("test"):
        assert User.objects.get(pk=owner.user_id).is_active


def test_all_accounts_at_once_are_not_closed(owner: Membership) -> None:
    with platform_scope("test"), refused(IntegrityError, RULE):
        User.objects.update(is_active=False)


def test_the_account_of_somebody_who_owns_nothing_is_closed(owner: Membership) -> None:
    with workspace_scope(owner.workspace_id):
        admin = Membership.objects.get(role=Role.ADMIN)

    with platform_scope("test"):
        assert User.objects.filter(pk=admin.user_id).update(is_active=False) == 1


def test_an_owner_of_two_workspaces_stays_for_the_one_that_has_no_other(owner: Membership) -> None:
    shared = WorkspaceFactory()
    MembershipFactory(workspace=shared, user_id=owner.user_id, role=Role.OWNER)

    with platform_scope("test"), refused(IntegrityError, RULE):
        User.objects.filter(pk=owner.user_id).update(is_active=False)


def test_a_workspace_without_anybody_is_not_made(db: None) -> None:
    with platform_scope("test"), refused(IntegrityError, RULE):
        Workspace.objects.create(name="Nobody's", slug="nobodys")
        run("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("role", [role for role in Role if role != Role.OWNER])
def test_a_workspace_without_an_owner_is_not_made(db: None, role: Role) -> None:
    person = UserFactory()

    with platform_scope("test"), refused(IntegrityError, RULE):
        workspace = Workspace.objects.create(name="Nobody's", slug="nobodys")
        Membership.objects.create(workspace=workspace, user=person, role=role)
        run("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_workspace_is_not_made_for_a_closed_account(db: None) -> None:
    person = UserFactory(is_active=False)

    with pytest.raises(IntegrityError, match=RULE):
        provision_workspace(Workspace(name="Nobody's", slug="nobodys"), person.email)

    with platform_scope("test"):
        assert not Workspace.objects.exists()


def test_a_workspace_without_an_owner_is_not_committed(committed_db: None) -> None:
    with pytest.raises(IntegrityError, match=RULE), platform_scope("test"):
        Workspace.objects.create(name="Nobody's", slug="nobodys")

    with platform_scope("test"):
        assert not Workspace.objects.exists()


def test_the_last_owner_does_not_leave_and_is_told_why(owner: Membership) -> None:
    with workspace_scope(owner.workspace_id, user_id=owner.user_id):
        with pytest.raises(MembershipRefused) as told:
            leave(Membership.objects.get(pk=owner.pk))
        assert Membership.objects.filter(pk=owner.pk).exists()

    assert str(told.value) == LAST_OWNER


def test_an_owner_is_neither_removed_nor_demoted_by_an_admin(owner: Membership) -> None:
    with workspace_scope(owner.workspace_id):
        admin = Membership.objects.get(role=Role.ADMIN)
        with pytest.raises(MembershipRefused, match="by transfer only"):
            remove(owner, by=admin)
        assert Membership.objects.get(pk=owner.pk).role == Role.OWNER


def test_ownership_is_not_handed_to_a_closed_account(owner: Membership) -> None:
    with workspace_scope(owner.workspace_id):
        closed = Membership.objects.get(user__is_active=False)
        with pytest.raises(MembershipRefused, match="always has an owner"):
            transfer_ownership(Membership.objects.get(pk=owner.pk), to=closed)
        assert Membership.objects.get(pk=owner.pk).role == Role.OWNER


def test_after_a_transfer_the_one_who_was_owner_may_go(owner: Membership) -> None:
    with workspace_scope(owner.workspace_id):
        admin = Membership.objects.get(role=Role.ADMIN)
        transfer_ownership(owner, to=admin)
        leave(owner)

        assert list(Membership.objects.filter(user__is_active=True).values_list("pk", "role")) == [
            (admin.pk, Role.OWNER)
        ]


# Races


@contextmanager
def login(*settings: tuple[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the console's with a transaction open in a scope.

    Where nobody lets go of a lock, it fails in the end instead of waiting for ever.
    """
    with psycopg.connect(postgres.url(APP), options="-c lock_timeout=10s") as session:
        for name, value in settings:
            session.execute("SELECT set_config(%s, %s, true)", [name, str(value)])
        yield session


def wait_until_blocked(session: psycopg.Connection[Any], attempt: Future[Any]) -> None:
    """Return when the attempt waits for another transaction's lock, or is over."""
    with postgres.superuser() as superuser:
        blocked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
        while not attempt.done():
            if superuser.execute(blocked, [session.info.backend_pid]).fetchone() == (True,):
                return


def race(
    first: psycopg.Connection[Any], second: psycopg.Connection[Any], change: Callable[[], Any]
) -> Any:
    """Commit `first`, whose change is made, while `second` makes its own; return how that ended."""
    with ThreadPoolExecutor() as pool:
        attempt = pool.submit(change)
        wait_until_blocked(second, attempt)
        first.commit()
        try:
            attempt.result(timeout=30)
            second.commit()
        except psycopg.Error as error:
            second.rollback()
            return error
    return None


def has_owner(workspace_id: Any) -> bool:
    with postgres.superuser() as superuser:
        owners = superuser.execute(
            "SELECT FROM workspaces_membership AS m JOIN accounts_user AS u ON u.id = m.user_id"
            " WHERE m.workspace_id = %s AND m.role = 'owner' AND u.is_active",
            [workspace_id],
        )
        return owners.rowcount > 0


@pytest.fixture
def two_owners(committed_db: None) -> tuple[Membership, Membership]:
    workspace = WorkspaceFactory()
    return owner_of(workspace), MembershipFactory(workspace=workspace, role=Role.OWNER)


CLOSE = "UPDATE accounts_user SET is_active = false WHERE id = %s"
WAYS = {
    "demotes": "UPDATE workspaces_membership SET role = 'admin' WHERE user_id = %s",
    "removes": "DELETE FROM workspaces_membership WHERE user_id = %s",
    "closes the account of": CLOSE,
}


@pytest.mark.parametrize("second_way", WAYS)
@pytest.mark.parametrize("first_way", WAYS)
def test_of_two_owners_who_go_at_the_same_moment_one_stays(
    two_owners: tuple[Membership, Membership], first_way: str, second_way: str
) -> None:
    one, other = two_owners

    def scope(way: str, membership: Membership) -> tuple[str, Any]:
        platform, member = ("role", PLATFORM), ("agenhood.workspace_id", membership.workspace_id)
        return platform if WAYS[way] == CLOSE else member

    with login(scope(first_way, one)) as first, login(scope(second_way, other)) as second:
        first.execute(WAYS[first_way], [one.user_id])
        error = race(first, second, lambda: second.execute(WAYS[second_way], [other.user_id]))

    assert isinstance(error, CheckViolation)
    assert has_owner(one.workspace_id)


def test_of_two_owners_who_leave_in_the_console_at_the_same_moment_one_is_told_to_stay(
    two_owners: tuple[Membership, Membership],
) -> None:
    left, go_on = Event(), Event()
    sessions: list[psycopg.Connection[Any]] = []

    def go(membership: Membership, wait: bool) -> str:
        try:
            with workspace_scope(membership.workspace_id, user_id=membership.user_id):
                connection.ensure_connection()
                sessions.append(connection.connection)
                if not wait:
                    left.set()
                leave(membership)
                if wait:
                    left.set()
                    go_on.wait(30)
        except MembershipRefused as told:
            return str(told)
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor() as pool:
        first = pool.submit(go, two_owners[0], True)
        assert left.wait(30)
        left.clear()
        second = pool.submit(go, two_owners[1], False)
        assert left.wait(30)
        wait_until_blocked(sessions[1], second)
        go_on.set()
        answers = [first.result(30), second.result(30)]

    assert answers == ["", LAST_OWNER]
    assert has_owner(two_owners[0].workspace_id)


# Whom a workspace is handed to, and what the platform does to them at the same moment.
HAND_OVER = {
    "a member": "UPDATE workspaces_membership SET role = 'owner' WHERE user_id = %(to)s",
    "somebody new": (
        "DELETE FROM workspaces_membership WHERE user_id = %(to)s;"
        "INSERT INTO workspaces_membership (id, workspace_id, user_id, role, created_at)"
        " VALUES (gen_random_uuid(), %(workspace)s, %(to)s, 'owner', now())"
    ),
}


@pytest.mark.parametrize("order", ["hands over first", "closes first"])
@pytest.mark.parametrize("to", HAND_OVER)
def test_a_workspace_is_not_handed_to_an_account_that_is_closed_at_the_same_moment(
    committed_db: None, to: str, order: str
) -> None:
    workspace = WorkspaceFactory()
    owner, heir = owner_of(workspace), UserFactory()
    if to == "a member":
        MembershipFactory(workspace=workspace, user=heir)
    names = {"to": heir.pk, "workspace": workspace.pk, "from": owner.user_id}

    def hand_over() -> None:
        for statement in HAND_OVER[to].split(";"):
            giver.execute(statement, names)
        giver.execute(
            "UPDATE workspaces_membership SET role = 'viewer' WHERE user_id = %(from)s", names
        )

    def close() -> None:
        closer.execute(CLOSE, [heir.pk])

    with login(("role", PLATFORM)) as giver, login(("role", PLATFORM)) as closer:
        if order == "hands over first":
            hand_over()
            error = race(giver, closer, close)
        else:
            close()
            error = race(closer, giver, hand_over)

    assert isinstance(error, CheckViolation)
    assert has_owner(workspace.pk)


def test_a_workspace_is_not_made_for_an_account_that_is_closed_at_the_same_moment(
    committed_db: None,
) -> None:
    heir = UserFactory()

    with login(("role", PLATFORM)) as maker, login(("role", PLATFORM)) as closer:
        maker.execute(
            "WITH made AS (INSERT INTO workspaces_workspace"
            " (id, name, slug, colour, suspension_reason, created_at)"
            " VALUES (gen_random_uuid(), 'New', 'new', 'blue', '', now()) RETURNING id)"
            " INSERT INTO workspaces_membership (id, workspace_id, user_id, role, created_at)"
            " SELECT gen_random_uuid(), id, %s, 'owner', now() FROM made",
            [heir.pk],
        )
        maker.execute("SET CONSTRAINTS ALL IMMEDIATE")
        error = race(maker, closer, lambda: closer.execute(CLOSE, [heir.pk]))

    assert isinstance(error, CheckViolation)
    with platform_scope("test"):
        assert has_owner(Workspace.objects.get(slug="new").pk)
