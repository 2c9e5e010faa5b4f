"""What a token opens, and what ends that. Vector 23."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from agenhood.fleet.models import Project
from agenhood.fleet.permissions import FleetPermission
from tests.factories import (
    MembershipFactory,
    ProjectFactory,
    ServiceAccountFactory,
    TokenFactory,
    UserFactory,
    WorkspaceFactory,
)
from workspaces.audit import current_actor
from workspaces.models import Membership, Workspace
from workspaces.permissions import WorkspacePermission
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import (
    NoActiveWorkspace,
    ScopeConflict,
    current_scope,
    platform_scope,
    workspace_scope,
)
from workspaces.tokens import TokenRefused, token_scope
from workspaces.tokens.models import Token
from workspaces.tokens.text import NotASecret, new_text, workspace_of

pytestmark = pytest.mark.django_db
SCOPES = ["project.edit", "project.view"]


def make(role: Role = Role.OPERATOR, **fields) -> tuple[Token, str]:
    """Return a member's token and its text."""
    workspace = fields.pop("workspace", None) or WorkspaceFactory()
    if "service_account" in fields:
        fields |= {"membership": None}
    else:
        fields["membership"] = MembershipFactory(workspace=workspace, role=role)
    text = new_text(workspace.pk)
    return TokenFactory(workspace=workspace, text=text, **{"scopes": SCOPES} | fields), text


def refused(text: str) -> bool:
    """Whether the text opens nothing, and leaves no scope behind."""
    try:
        with token_scope(text):
            return False
    except TokenRefused:
        with pytest.raises(NoActiveWorkspace):
            current_scope()
        return True


def stored(token: Token) -> Token:
    with workspace_scope(token.workspace_id):
        return Token.objects.get(pk=token.pk)


def test_a_token_enters_its_workspace_as_its_member():
    token, text = make()
    mine = ProjectFactory(workspace=token.workspace)
    ProjectFactory()

    with CaptureQueriesContext(connection) as queries, token_scope(text) as scope:
        entered = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
        holder = scope.holder
        assert list(Project.objects.all()) == [mine]
        assert current_scope().user_id == token.created_by_id
    assert len(entered) == 1
    assert (holder.token_id, holder.workspace, holder.user) == (
        token.pk,
        token.workspace,
        token.created_by,
    )
    assert holder.membership == token.membership
    assert holder.service_account is None


def test_a_token_may_what_its_scopes_and_the_role_both_hold():
    _, text = make(Role.VIEWER)

    with token_scope(text) as scope:
        assert scope.holder.may(FleetPermission.PROJECT_VIEW)
        assert not scope.holder.may(FleetPermission.PROJECT_EDIT)  # the role does not
        assert not scope.holder.may(FleetPermission.AGENT_VIEW)  # the token does not


def test_a_demotion_weakens_the_token_at_once():
    token, text = make(Role.OPERATOR)
    with token_scope(text) as scope:
        assert scope.holder.may(FleetPermission.PROJECT_EDIT)

    with platform_scope("demote"):
        Membership.objects.filter(pk=token.membership_id).update(role=Role.AUDITOR)

    with token_scope(text) as scope:
        assert not scope.holder.may(FleetPermission.PROJECT_EDIT)
        assert not scope.holder.may(FleetPermission.PROJECT_VIEW)


def test_a_token_dies_with_the_membership():
    """By the database: neither the admin site nor raw SQL knows of tokens."""
    token, text = make()
    member = token.membership
    with platform_scope("remove"):
        Membership.objects.get(pk=member.pk).delete()

    assert refused(text)
    MembershipFactory(workspace=token.workspace, user=member.user, role=Role.ADMIN)
    assert refused(text)
    with workspace_scope(token.workspace_id):
        assert not Token.objects.exists()


def test_a_membership_that_is_handed_on_hands_on_no_token():
    token, text = make()
    with platform_scope("hand on"):
        Membership.objects.filter(pk=token.membership_id).update(user=UserFactory())

    assert refused(text)


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
    ids=["revoked", "expired"],
)
def test_a_token_that_has_ended_is_refused(change):
    token, text = make()
    assert not refused(text)
    with workspace_scope(token.workspace_id):
        Token.objects.filter(pk=token.pk).update(**change)

    assert refused(text)


def test_a_closed_account_s_token_is_refused():
    token, text = make()
    with platform_scope("close"):
        User.objects.filter(pk=token.created_by_id).update(is_active=False)

    assert refused(text)


def test_a_member_who_lacks_a_required_second_factor_is_refused():
    token, text = make()
    account = ServiceAccountFactory(workspace=token.workspace)
    _, of_account = make(workspace=token.workspace, service_account=account)
    with platform_scope("require"):
        Workspace.objects.filter(pk=token.workspace_id).update(requires_second_factor=True)

    assert refused(text)
    assert not refused(of_account)  # nobody signs in with one


def test_whatever_is_wrong_takes_the_same_statement():
    token, text = make()
    with workspace_scope(token.workspace_id):
        Token.objects.update(revoked_at=timezone.now())
    wrong = {
        "revoked": text,
        "unknown": new_text(token.workspace_id),
        "of no workspace": new_text(uuid4()),
        "no token": "agh_nothing",
        "empty": "",
        "not ASCII": "agh_" + "é" * 43 + "_" + "0" * 22,
        "NUL": "\0",
        "surrogate": "agh_\udcff",
        "too large an id": text[:-22] + "z" * 22,
        "a line break more": text + "\n",
        "long": "agh_" * 10_000,
    }
    seen = {}
    for name, sent in wrong.items():
        with CaptureQueriesContext(connection) as queries:
            assert refused(sent), name
        seen[name] = [q["sql"].partition("(")[0] for q in queries if "SAVEPOINT" not in q["sql"]]

    assert len({tuple(statements) for statements in seen.values()}) == 1, seen


def test_a_token_works_in_its_own_workspace_only():
    token, text = make()
    other = WorkspaceFactory()
    MembershipFactory(workspace=other, user=token.created_by, role=Role.OWNER)
    swapped = text.rpartition("_")[0] + "_" + new_text(other.pk).rpartition("_")[2]

    assert workspace_of(swapped) == other.pk
    assert refused(swapped)


def test_a_service_account_acts_in_its_own_name_and_outlives_its_maker():
    account = ServiceAccountFactory(role=Role.OPERATOR, name="deployer")
    token, text = make(
        workspace=account.workspace,
        service_account=account,
        created_by=account.created_by,
        expires_at=None,
    )
    with token_scope(text) as scope:
        holder, actor = scope.holder, current_actor()
        assert current_scope().user_id is None
    assert (holder.service_account, holder.membership, holder.role) == (
        account,
        None,
        Role.OPERATOR,
    )
    assert holder.user == account.created_by  # who is no member
    assert (actor.kind, actor.label, actor.token_prefix) == (
        "service_account",
        "deployer",
        token.prefix,
    )

    with workspace_scope(account.workspace_id):
        account.disabled_at = timezone.now()
        account.save()
    assert refused(text)


def test_the_trail_names_the_token_and_its_person():
    token, text = make()

    with token_scope(text):
        actor = current_actor()
    assert (actor.kind, actor.label, actor.on_behalf_of, actor.token_prefix) == (
        "token",
        token.name,
        token.created_by.email,
        token.prefix,
    )
    with workspace_scope(token.workspace_id):
        assert current_actor().kind == "system"


def test_a_suspended_workspace_is_read_only():
    token, text = make()
    suspend(token.workspace, "unpaid")

    with pytest.raises(DatabaseError, match="read-only"), token_scope(text) as scope:
        assert scope.holder.workspace.is_suspended
        assert list(Project.objects.all()) == []
        Project.objects.create(name="new")


def test_the_last_use_is_stored_once_a_minute_even_of_a_failed_request():
    token, text = make()
    with pytest.raises(ZeroDivisionError), token_scope(text):
        Project.objects.create(name="undone")
        1 / 0  # noqa: B018
    first = stored(token).last_used_at
    with token_scope(text):
        pass

    assert first is not None
    assert stored(token).last_used_at == first
    with workspace_scope(token.workspace_id):
        assert not Project.objects.exists()
        Token.objects.update(last_used_at=first - timedelta(seconds=61))
    with token_scope(text):
        pass
    assert stored(token).last_used_at > first


def test_only_a_hash_is_stored():
    token, text = make()
    row = stored(token)

    assert bytes(row.digest) == sha256(text.encode()).digest()
    assert row.prefix == text[:12]
    with workspace_scope(token.workspace_id), connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text FROM workspaces_token AS t")
        assert text[12:47] not in cursor.fetchone()[0]


def test_a_token_is_entered_by_a_plain_with_alone():
    _, text = make()

    def generator():
        with token_scope(text):
            yield

    with pytest.raises(ScopeConflict):
        next(generator())


def test_a_token_cannot_be_entered_inside_another_scope():
    _, text = make()
    with workspace_scope(WorkspaceFactory().pk), pytest.raises(ScopeConflict), token_scope(text):
        pass


def test_a_text_names_its_workspace_and_is_new_each_time():
    for workspace in (UUID(int=0), UUID(int=2**128 - 1), uuid4()):
        text = new_text(workspace)
        assert workspace_of(text) == workspace
        assert len(text) == 70
        assert text != new_text(workspace)
    with pytest.raises(NotASecret):
        workspace_of("agh_" + "0" * 43 + "_" + "z" * 22)


def test_what_people_do_is_in_no_token(db):
    from workspaces.tokens.scopes import FOR_PEOPLE_ONLY, grantable, read_only

    assert set(grantable(Role.OWNER)).isdisjoint(FOR_PEOPLE_ONLY)
    assert WorkspacePermission.WORKSPACE_VIEW in read_only(Role.AUDITOR)
    assert all(name.endswith(".view") for name in read_only(Role.OWNER))
