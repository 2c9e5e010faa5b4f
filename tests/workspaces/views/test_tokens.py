"""Pages about tokens and service accounts."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agenhood.fleet.permissions import FleetPermission
from tests.factories import MembershipFactory, ServiceAccountFactory, TokenFactory
from tests.pages import error_at, page
from workspaces.audit.models import AuditEntry
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope
from workspaces.secret_text import digest_of
from workspaces.tokens import TokenRefused, token_scope
from workspaces.tokens.actions import MOST_TOKENS
from workspaces.tokens.models import ServiceAccount, Token
from workspaces.tokens.scopes import grantable, read_only
from workspaces.tokens.text import new_text

pytestmark = pytest.mark.django_db
READ = {"name": "Nightly report", "days": "90", "access": "read"}


@pytest.fixture
def enter(client):
    def with_role(role, **more):
        membership = MembershipFactory(role=role, **more)
        client.force_login(membership.user)
        return membership

    return with_role


def at(name, membership, *args):
    return reverse(f"workspaces:{name}", args=[membership.workspace.slug, *args])


def in_workspace(membership, ask):
    with workspace_scope(membership.workspace_id):
        return ask()


def shown(response) -> str:
    return page(response).one(id="copy-once")["value"]


def test_a_token_is_shown_once_and_works(client, enter, caplog):
    mine = enter(Role.OPERATOR)

    response = client.post(at("token-create", mine), READ)

    text = shown(response)
    assert response.status_code == 201
    assert response["Cache-Control"] == "private, no-store"
    with token_scope(text) as scope:
        assert scope.holder.membership == mine
        assert scope.holder.scopes == set(read_only(Role.OPERATOR))
        assert not scope.holder.may(FleetPermission.PROJECT_EDIT)
    token = in_workspace(mine, Token.objects.get)
    assert timedelta(days=89) < token.expires_at - timezone.now() < timedelta(days=90)
    listed = client.get(at("token-list", mine))
    assert token.prefix in listed.text
    kept = [listed.text, caplog.text, *(str(s.get_decoded()) for s in Session.objects.all())]
    kept += [
        str(e.changes) + e.target_label
        for e in in_workspace(mine, lambda: list(AuditEntry.objects.all()))
    ]
    assert not [where for where in kept if text[12:40] in where]


def test_a_token_names_what_is_chosen_and_no_more_than_the_role_holds(client, enter):
    mine = enter(Role.VIEWER)
    chosen = READ | {"access": "chosen"}

    nothing = client.post(at("token-create", mine), chosen)
    assert nothing.status_code == 422
    assert "Choose at least one permission." in nothing.text
    above = client.post(at("token-create", mine), chosen | {"scopes": ["project.edit"]})
    assert above.status_code == 422
    for forbidden in ("member.manage", "token.own", "ownership.transfer", "nonsense", "\0"):
        sent = chosen | {"scopes": [forbidden]}
        assert client.post(at("token-create", mine), sent).status_code == 422
    one = client.post(at("token-create", mine), chosen | {"scopes": ["project.view"]})
    assert one.status_code == 201
    everything = client.post(at("token-create", mine), READ | {"access": "all"})
    assert everything.status_code == 201
    with workspace_scope(mine.workspace_id):
        scopes = list(Token.objects.order_by("id").values_list("scopes", flat=True))
    assert scopes == [["project.view"], grantable(Role.VIEWER)]


@pytest.mark.parametrize("days", ["", "never", "0", "-1", "366", "10" * 30, "x", "\0"])
def test_a_persons_token_expires_within_a_year(client, enter, days):
    mine = enter(Role.OWNER)

    response = client.post(at("token-create", mine), READ | {"days": days})

    assert response.status_code == 422
    assert error_at(response, "days")
    assert in_workspace(mine, Token.objects.count) == 0


def test_there_is_an_end_to_how_many_tokens_one_has(client, enter):
    mine = enter(Role.VIEWER)
    TokenFactory.create_batch(MOST_TOKENS, workspace=mine.workspace, membership=mine)

    refused = client.post(at("token-create", mine), READ)
    assert refused.status_code == 422
    assert "revoke one first" in refused.text
    with workspace_scope(mine.workspace_id):
        Token.objects.filter(pk=Token.objects.first().pk).update(revoked_at=timezone.now())
    assert client.post(at("token-create", mine), READ).status_code == 201


def test_ones_own_token_ends_at_once_when_it_is_revoked(client, enter):
    mine = enter(Role.AUDITOR)
    text = new_text(mine.workspace_id)
    token = TokenFactory(workspace=mine.workspace, membership=mine, text=text)
    with token_scope(text):
        pass

    for _ in range(2):  # twice is once
        response = client.post(at("token-revoke", mine, token.pk))
        assert response.status_code == 302

    with pytest.raises(TokenRefused), token_scope(text):
        pass
    assert "Revoked" in client.get(at("token-list", mine)).text
    with workspace_scope(mine.workspace_id):
        assert AuditEntry.objects.filter(action="token.revoke").count() == 1


def test_managers_see_and_revoke_members_tokens_and_others_do_not(client, enter):
    owner = enter(Role.ADMIN)
    member = MembershipFactory(workspace=owner.workspace, role=Role.OPERATOR)
    text = new_text(owner.workspace_id)
    token = TokenFactory(
        workspace=owner.workspace, membership=member, text=text, name="Harrier's own"
    )
    assert "Harrier&#x27;s own" in client.get(at("token-list", owner)).text
    operator = MembershipFactory(workspace=owner.workspace, role=Role.OPERATOR)
    client.force_login(operator.user)
    assert "Harrier" not in client.get(at("token-list", owner)).text
    assert client.post(at("token-revoke", owner, token.pk)).status_code == 404
    client.force_login(owner.user)
    assert client.post(at("token-revoke", owner, token.pk)).status_code == 302
    with pytest.raises(TokenRefused), token_scope(text):
        pass


def test_a_list_takes_the_same_statements_whatever_its_length(client, enter):
    owner = enter(Role.OWNER)
    client.get(owner.workspace.get_absolute_url())
    lists = [at("token-list", owner), at("service_account-list", owner)]
    counts = []
    for more in (3, 27):
        for _ in range(more):
            account = ServiceAccountFactory(workspace=owner.workspace)
            TokenFactory(workspace=owner.workspace, membership=owner)
            TokenFactory(workspace=owner.workspace, membership=owner, revoked_at=timezone.now())
            TokenFactory(workspace=owner.workspace)
            TokenFactory(workspace=owner.workspace, membership=None, service_account=account)
        lists[2:] = [at("service_account-detail", owner, account.pk)]
        for address in lists:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            counts.append(len([q for q in queries if "SAVEPOINT" not in q["sql"]]))
    assert counts[:3] == counts[3:]
    assert max(counts) <= 12


def test_a_suspended_workspace_makes_and_ends_no_tokens(client, enter):
    owner = enter(Role.OWNER)
    token = TokenFactory(workspace=owner.workspace, membership=owner)
    suspend(owner.workspace, "unpaid")

    shown_page = client.get(at("token-list", owner))
    assert shown_page.status_code == 200
    assert page(shown_page).one("main").all("form") == []
    assert client.post(at("token-create", owner), READ).status_code == 403
    assert client.post(at("token-revoke", owner, token.pk)).status_code == 403


def test_a_service_account_is_made_changed_disabled_and_enabled(client, enter):
    admin = enter(Role.ADMIN)
    made = client.post(at("service_account-create", admin), {"name": "ci", "role": "operator"})
    account = in_workspace(admin, ServiceAccount.objects.get)
    assert made["Location"] == at("service_account-detail", admin, account.pk)

    created = client.post(
        at("service_account-token", admin, account.pk), READ | {"days": "never", "access": "all"}
    )
    text = shown(created)
    assert "Never" in created.text
    with token_scope(text) as scope:
        assert scope.holder.role == Role.OPERATOR
        assert scope.holder.may(FleetPermission.PROJECT_EDIT)

    edit = at("service_account-edit", admin, account.pk)
    assert client.post(edit, {"name": "ci", "role": "viewer"}).status_code == 302
    with token_scope(text) as scope:  # at once
        assert not scope.holder.may(FleetPermission.PROJECT_EDIT)
    assert client.post(at("service_account-disable", admin, account.pk)).status_code == 302
    with pytest.raises(TokenRefused), token_scope(text):
        pass
    refused = client.post(at("service_account-token", admin, account.pk), READ)
    assert refused.status_code == 422
    assert client.post(at("service_account-enable", admin, account.pk)).status_code == 302
    with token_scope(text):
        pass
    with workspace_scope(admin.workspace_id):
        actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
        assert list(actions) == [
            "workspace.create",
            "service_account.create",
            "token.create",
            "service_account.change",
            "service_account.disable",
            "service_account.enable",
        ]


def test_a_service_account_gets_no_role_above_its_makers(client, enter):
    admin = enter(Role.ADMIN)
    account = ServiceAccountFactory(workspace=admin.workspace, role=Role.VIEWER)

    for role in ("owner", "", "nobody", "\0"):
        sent = {"name": "ci", "role": role}
        assert client.post(at("service_account-create", admin), sent).status_code == 422
        assert client.post(at("service_account-edit", admin, account.pk), sent).status_code == 422
    assert (
        client.post(at("service_account-create", admin), {"name": "a", "role": "admin"}).status_code
        == 302
    )


def test_two_service_accounts_of_one_workspace_have_two_names(client, enter):
    owner = enter(Role.OWNER)
    ServiceAccountFactory(workspace=owner.workspace, name="CI")
    ServiceAccountFactory(name="deployer")  # elsewhere

    taken = client.post(at("service_account-create", owner), {"name": "ci", "role": "viewer"})
    assert taken.status_code == 422
    assert "already has an account of that name" in taken.text
    free = client.post(at("service_account-create", owner), {"name": "deployer", "role": "viewer"})
    assert free.status_code == 302


def test_a_demoted_managers_form_is_refused(client, enter, monkeypatch):
    """The role is read again under the lock that changes of roles take."""
    from workspaces.models import Membership
    from workspaces.tokens import actions

    admin = enter(Role.ADMIN)
    stand = actions._stand

    def demoted_meanwhile(by):
        Membership.objects.filter(pk=by.pk).update(role=Role.VIEWER)
        stand(by)

    monkeypatch.setattr(actions, "_stand", demoted_meanwhile)
    response = client.post(at("service_account-create", admin), {"name": "a", "role": "admin"})
    assert response.status_code == 422
    assert "does not allow this any more" in response.text


def test_what_is_stored_is_the_hash_of_what_was_shown(client, enter):
    mine = enter(Role.VIEWER)
    text = shown(client.post(at("token-create", mine), READ))

    assert re.fullmatch(r"agh_[0-9A-Za-z]{43}_[0-9A-Za-z]{22}", text)
    assert bytes(in_workspace(mine, Token.objects.get).digest) == digest_of(text)
