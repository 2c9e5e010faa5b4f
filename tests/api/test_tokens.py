"""Who is let in: a token that is valid now, in its own workspace, and nothing else."""

import pytest
from django.test import Client

from accounts.models import User
from tests.api.conftest import Program, token_of
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from workspaces.models import Membership
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope
from workspaces.tokens.models import Token


@pytest.fixture
def ann(db):
    return MembershipFactory(workspace=WorkspaceFactory(slug="acme", name="Acme"), role=Role.ADMIN)


def answer_of(token):
    response = Program(token).get("/projects")
    return response.status_code, {**response.json(), "request_id": ""}


def test_whatever_is_wrong_with_a_token_the_answer_is_one(ann):
    good = token_of(ann)
    other = token_of(ann)
    with workspace_scope(ann.workspace_id):
        prefix = Token.objects.order_by("-created_at").first()
        Token.objects.filter(pk=prefix.pk).update(revoked_at=prefix.created_at)
    absent = answer_of("agh_nothing_nothing")

    assert absent[0] == 401
    for wrong in [other, good[:-1], good + "a", "", "agh_", "\x7f", "x" * 5000, good.upper()]:
        assert answer_of(wrong) == absent
    assert answer_of(good)[0] == 200


def test_without_a_token_there_is_a_401_and_no_way_to_sign_in(db):
    response = Client().get("/api/v1/projects")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response["Content-Type"] == "application/problem+json"


def test_a_signed_in_browser_is_nobody_here(ann):
    browser = Client()
    browser.force_login(ann.user)

    assert browser.get("/api/v1/projects").status_code == 401
    assert browser.post("/api/v1/projects", {"name": "x"}).status_code == 401


def test_a_token_reaches_its_own_workspace_only(ann):
    theirs = ProjectFactory(name="Globex-Kite")
    program = Program(token_of(ann))

    assert program.get("/projects").json()["items"] == []
    assert program.get(f"/projects/{theirs.pk}").status_code == 404
    assert program.patch(f"/projects/{theirs.pk}", {"name": "Taken"}).status_code == 404
    with workspace_scope(theirs.workspace_id):
        theirs.refresh_from_db()
        assert theirs.name == "Globex-Kite"


def test_a_member_of_two_workspaces_has_a_token_for_one(ann):
    globex = MembershipFactory(user=ann.user, role=Role.OWNER)
    ProjectFactory(workspace=globex.workspace, name="Globex-Kite")

    assert Program(token_of(ann)).get("/projects").json()["items"] == []
    assert len(Program(token_of(globex)).get("/projects").json()["items"]) == 1


def test_a_demotion_holds_for_the_next_request(ann):
    program = Program(token_of(ann))
    with platform_scope("demote"):
        Membership.objects.filter(pk=ann.pk).update(role=Role.VIEWER)

    assert program.get("/projects").status_code == 200
    assert program.post("/projects", {"name": "Birds"}).status_code == 403


def test_removal_and_a_closed_account_end_a_token(ann):
    program, bob = Program(token_of(ann)), MembershipFactory(workspace=ann.workspace)
    other = Program(token_of(bob))
    with platform_scope("remove and close"):
        Membership.objects.get(pk=ann.pk).delete()
        User.objects.filter(pk=bob.user_id).update(is_active=False)

    assert program.get("/projects").status_code == 401
    assert other.get("/projects").status_code == 401


def test_a_suspended_workspace_can_be_read_only(ann):
    program = Program(token_of(ann))
    suspend(ann.workspace, "the invoice of May is open")

    assert program.get("/projects").status_code == 200
    refused = program.post("/projects", {"name": "Birds"}, Idempotency_Key="one")
    assert refused.status_code == 403
    told = f"{ann.workspace.name} is suspended: the invoice of May is open"
    assert refused.json()["detail"] == f"This workspace can be read only. {told}"
