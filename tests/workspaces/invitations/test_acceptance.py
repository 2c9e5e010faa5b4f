"""Who becomes a member by an invitation, and who does not. Vector 22."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, connections
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.provisioning import AccountExists
from tests.factories import (
    InvitationFactory,
    MembershipFactory,
    UserFactory,
    WorkspaceFactory,
)
from tests.isolation.sql import refused as refused_by_the_database
from tests.isolation.sql import rows, run
from workspaces.audit import Actor
from workspaces.audit.models import AuditEntry
from workspaces.invitations.acceptance import (
    Link,
    NoInvitation,
    accept,
    accept_as_newcomer,
    accept_own,
    offer_of,
    own_invitations,
)
from workspaces.invitations.models import Invitation
from workspaces.models import Membership, Workspace
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import person_scope, platform_scope, workspace_scope
from workspaces.secret_text import new_secret

PASSWORD = "correct horse battery"
NO_MAIL = override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend")


def actor(user: User) -> Actor:
    return Actor("person", user.email, str(user.pk))


def invited(**fields) -> tuple[Invitation, Link]:
    workspace = fields.pop("workspace", None) or WorkspaceFactory()
    secret = new_secret(workspace.pk)
    return InvitationFactory(workspace=workspace, secret=secret, **fields), Link.parse(secret)


def members(workspace: Workspace) -> dict[str, str]:
    with workspace_scope(workspace.pk):
        return dict(Membership.objects.values_list("user__email", "role"))


def newcomer(link: Link) -> tuple[User, Workspace]:
    request = RequestFactory().get("/")
    return accept_as_newcomer(link, name="Pat", password=PASSWORD, request=request)


def change(invitation: Invitation, **fields) -> None:
    with workspace_scope(invitation.workspace_id):
        Invitation.objects.filter(pk=invitation.pk).update(**fields)


def nobody_can_accept(invitation: Invitation, link: Link, user: User) -> None:
    before = members(invitation.workspace)
    with pytest.raises(NoInvitation):
        offer_of(link)
    with pytest.raises(NoInvitation):
        accept(link, user, actor(user))
    with pytest.raises(NoInvitation):
        accept_own(invitation.pk, user, actor(user))
    assert members(invitation.workspace) == before


@pytest.mark.django_db
def test_the_invited_person_becomes_a_member_in_that_role_once():
    user = UserFactory()
    invitation, link = invited(email=user.email, role=Role.OPERATOR)

    assert offer_of(link).invitation == invitation
    assert accept(link, user, actor(user)) == invitation.workspace
    assert members(invitation.workspace)[user.email] == Role.OPERATOR
    nobody_can_accept(invitation, link, user)
    with workspace_scope(invitation.workspace_id):
        entry = AuditEntry.objects.get(action="invitation.accept")
        assert (entry.actor_label, entry.target_label) == (user.email, user.email)
        assert entry.changes == {"role": [None, "operator"]}


@pytest.mark.django_db
def test_nobody_else_can_accept_it():
    invitation, link = invited(email="pat@example.test")
    for other in (UserFactory(), MembershipFactory(workspace=invitation.workspace).user):
        with pytest.raises(NoInvitation):
            accept(link, other, actor(other))
        with pytest.raises(NoInvitation):
            accept_own(invitation.pk, other, actor(other))
        assert own_invitations(other) == []
    with workspace_scope(invitation.workspace_id):
        assert Invitation.objects.get().is_open


@pytest.mark.django_db
@pytest.mark.parametrize(
    "end",
    [
        {"revoked_at": timezone.now()},
        {"accepted_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"link_digest": b"another"},
    ],
    ids=["revoked", "used", "expired", "renewed"],
)
def test_an_invitation_that_has_ended_is_none(end):
    user = UserFactory()
    invitation, link = invited(email=user.email)
    change(invitation, **end)

    with pytest.raises(NoInvitation):
        offer_of(link)
    with pytest.raises(NoInvitation):
        accept(link, user, actor(user))
    if "link_digest" not in end:
        nobody_can_accept(invitation, link, user)
        assert own_invitations(user) == []


@pytest.mark.django_db
def test_a_suspended_workspace_is_not_joined():
    user = UserFactory()
    invitation, link = invited(email=user.email)
    suspend(invitation.workspace, "unpaid")

    nobody_can_accept(invitation, link, user)
    assert own_invitations(user) == []


@pytest.mark.django_db
@pytest.mark.parametrize("fate", ["demoted", "removed", "deactivated"])
def test_an_invitation_grants_no_more_than_its_inviter_may_now(fate):
    user = UserFactory()
    workspace = WorkspaceFactory()
    inviter = MembershipFactory(workspace=workspace, role=Role.OWNER)
    invitation, link = invited(
        workspace=workspace, email=user.email, role=Role.ADMIN, invited_by=inviter.user
    )
    offer_of(link)
    with platform_scope("the inviter's fate"):
        if fate == "demoted":  # to a role that may invite, but not an admin
            Membership.objects.filter(pk=inviter.pk).update(role=Role.ADMIN)
        elif fate == "removed":
            inviter.delete()
        else:
            User.objects.filter(pk=inviter.user_id).update(is_active=False)

    nobody_can_accept(invitation, link, user)


@pytest.mark.django_db
def test_whatever_is_wrong_takes_the_same_statements():
    invitation, link = invited()
    wrong = [
        Link(invitation.workspace_id, b"\0" * 32),
        Link.parse(new_secret(invitation.workspace_id)),
        Link.parse(new_secret(uuid4())),
        Link.parse("nothing"),
        Link.parse("\0"),
        Link.parse("é\udcff"),
        Link(WorkspaceFactory().pk, link.digest),  # another workspace's
    ]
    seen = set()
    for one in wrong:
        with CaptureQueriesContext(connection) as queries, pytest.raises(NoInvitation):
            offer_of(one)
        seen.add(len(queries))
    assert len(seen) == 1


@pytest.mark.django_db
def test_whom_somebody_added_meanwhile_keeps_their_role():
    user = UserFactory()
    invitation, link = invited(email=user.email, role=Role.VIEWER)
    MembershipFactory(workspace=invitation.workspace, user=user, role=Role.ADMIN)

    accept(link, user, actor(user))
    assert members(invitation.workspace)[user.email] == Role.ADMIN
    with workspace_scope(invitation.workspace_id):
        assert not Invitation.objects.get().is_open


@pytest.mark.django_db
def test_ones_own_invitations_are_listed_with_their_workspaces():
    user = UserFactory()
    acme, _ = invited(email=user.email, workspace=WorkspaceFactory(name="Acme"))
    invited(email="somebody@else.test")

    assert [(i.pk, i.workspace.name) for i in own_invitations(user)] == [(acme.pk, "Acme")]
    assert accept_own(acme.pk, user, actor(user)) == acme.workspace
    assert own_invitations(user) == []
    assert user.email in members(acme.workspace)


@pytest.mark.django_db
def test_the_database_shows_ones_own_invitations_only_to_a_proven_address():
    user, other = UserFactory(), UserFactory()
    invitation, link = invited(email=user.email)
    everything = "SELECT id FROM workspaces_invitation"

    assert rows(everything) == []  # in no scope
    with person_scope(user.pk):
        assert rows(everything) == [invitation.pk]
        assert run("UPDATE workspaces_invitation SET role = 'admin'") == 0
    with person_scope(other.pk):
        assert rows(everything) == []
    with workspace_scope(WorkspaceFactory().pk, user_id=user.pk):
        assert rows(everything) == []
    EmailAddress.objects.filter(user=user).update(verified=False)
    with person_scope(user.pk):
        assert rows(everything) == []
    accept(link, user, actor(user))  # the link itself still does it


@pytest.mark.django_db
def test_sql_writes_no_invitation_for_another_workspace():
    invitation, _ = invited()
    other = WorkspaceFactory()
    with workspace_scope(invitation.workspace_id):
        with refused_by_the_database(Exception, "never changes its workspace"):
            run("UPDATE workspaces_invitation SET workspace_id = %s", [other.pk])
        with refused_by_the_database(Exception, "row-level security"):
            run(
                "INSERT INTO workspaces_invitation (id, workspace_id, email, role, invited_by_id,"
                " created_at, expires_at) SELECT gen_random_uuid(), %s, email, role, invited_by_id,"
                " now(), now() FROM workspaces_invitation",
                [other.pk],
            )
        with refused_by_the_database(Exception, "permission denied"):
            run("DELETE FROM workspaces_invitation")
    with platform_scope("look"), refused_by_the_database(Exception, "permission denied"):
        rows("SELECT id FROM workspaces_invitation")


@pytest.mark.django_db
def test_one_open_invitation_for_an_address_whatever_its_case():
    invitation, _ = invited(email="pat@example.test")
    with pytest.raises(IntegrityError, match="lower_case"):
        invited(workspace=invitation.workspace, email="Pat@example.test")


@pytest.mark.django_db
def test_the_mailed_link_proves_the_address_of_a_newcomer():
    workspace = WorkspaceFactory()
    mailed = new_secret(workspace.pk)
    invited(workspace=workspace, email="pat@example.test", role=Role.OPERATOR, mailed=mailed)

    user, joined = newcomer(Link.parse(mailed))

    assert joined == workspace
    assert (user.email, user.name, user.check_password(PASSWORD)) == (
        "pat@example.test",
        "Pat",
        True,
    )
    assert EmailAddress.objects.get(user=user).verified
    assert members(workspace)["pat@example.test"] == Role.OPERATOR
    with workspace_scope(workspace.pk):
        entry = AuditEntry.objects.get(action="invitation.accept")
        assert entry.actor_label == "pat@example.test"
        assert entry.changes["account"] == [None, "made"]


@pytest.mark.django_db
def test_a_copied_link_makes_no_account_where_mail_would_prove_the_address():
    """Else an inviter makes themself an account with anybody's address, for use elsewhere."""
    _, link = invited(email="boss@example.test")

    assert not offer_of(link).admits_newcomers
    with pytest.raises(NoInvitation):
        newcomer(link)
    assert not User.objects.filter(email="boss@example.test").exists()


@NO_MAIL
@pytest.mark.django_db
def test_without_mail_a_copied_link_makes_an_account_whose_address_is_unproven():
    _, link = invited(email="pat@example.test")
    user, _ = newcomer(link)

    assert not EmailAddress.objects.get(user=user).verified
    invited(email="pat@example.test")
    assert own_invitations(user) == []  # it may be another person's: the link is needed


@NO_MAIL
@pytest.mark.django_db
def test_an_installation_may_let_no_newcomers_in():
    _, link = invited()
    with override_settings(INVITE_NEWCOMERS=False), pytest.raises(NoInvitation):
        newcomer(link)


@NO_MAIL
@pytest.mark.django_db
def test_nobody_takes_over_an_account_that_is_there():
    user = UserFactory(email="pat@example.test")
    invitation, link = invited(email=user.email)

    with pytest.raises(AccountExists):
        newcomer(link)
    assert not User.objects.get(pk=user.pk).check_password(PASSWORD)
    assert user.email not in members(invitation.workspace)


@NO_MAIL
@pytest.mark.django_db
def test_no_account_is_left_behind_by_an_invitation_that_ended_meanwhile(monkeypatch):
    from workspaces.invitations import acceptance

    invitation, link = invited(email="pat@example.test")
    make = acceptance.make_account

    def make_and_revoke(*args, **kwargs):
        made = make(*args, **kwargs)
        run("RESET ROLE")
        run("SELECT set_config('agenhood.workspace_id', %s, true)", [str(invitation.workspace_id)])
        run("UPDATE workspaces_invitation SET revoked_at = now()")
        return made

    monkeypatch.setattr(acceptance, "make_account", make_and_revoke)
    with pytest.raises(NoInvitation):
        newcomer(link)
    assert not User.objects.filter(email="pat@example.test").exists()


def at_once(*calls) -> list[object]:
    """Run the calls in threads of their own; return what each gave or raised."""
    outcomes: list[object] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run_one(number, call):
        try:
            barrier.wait(10)
            outcomes[number] = call()
        except Exception as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run_one, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_two_acceptances_at_once_make_one_member(committed_db):
    user = UserFactory()
    invitation, link = invited(email=user.email)

    outcomes = at_once(*[lambda: accept(link, user, actor(user))] * 4)

    assert sum(outcome == invitation.workspace for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NoInvitation) for outcome in outcomes) == 3
    with workspace_scope(invitation.workspace_id):
        assert Membership.objects.filter(user=user).count() == 1
        assert AuditEntry.objects.filter(action="invitation.accept").count() == 1


def test_an_account_that_is_closed_at_the_same_moment_waits_or_wins(committed_db):
    """Both lock the account first, then the workspace: else they would wait for each other."""
    for _ in range(5):
        user = UserFactory()
        _, link = invited(email=user.email)
        MembershipFactory(user=user)

        def close(user=user):
            with platform_scope("close the account"):
                User.objects.filter(pk=user.pk).update(is_active=False)

        outcomes = at_once(close, lambda link=link, user=user: accept(link, user, actor(user)))

        assert outcomes[0] is None
        assert isinstance(outcomes[1], Workspace | NoInvitation), outcomes


@NO_MAIL
def test_two_newcomers_at_once_are_one(committed_db):
    _, link = invited(email="pat@example.test")

    outcomes = at_once(*[lambda: newcomer(link)] * 3)

    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1, outcomes
    assert sum(isinstance(outcome, NoInvitation) for outcome in outcomes) == 2, outcomes
    assert User.objects.filter(email="pat@example.test").count() == 1


@NO_MAIL
def test_two_workspaces_newcomer_at_once_has_one_account(committed_db):
    links = [invited(email="pat@example.test")[1] for _ in range(2)]

    outcomes = at_once(*[lambda link=link: newcomer(link) for link in links])

    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1, outcomes
    assert sum(isinstance(outcome, AccountExists) for outcome in outcomes) == 1, outcomes
