"""What people sign in with is out of reach inside a workspace, and works outside."""

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.utils import ProgrammingError
from django.test import Client

from tests.isolation.sides import Sides
from tests.isolation.sql import refused, rows, run
from workspaces.scope import person_scope


@pytest.fixture
def signed_in(sides: Sides, client: Client) -> Client:
    client.force_login(sides.globex.member.user)
    for side in (sides.acme, sides.globex):
        UserSession.objects.create(
            user=side.member.user, ip="127.0.0.1", session_key=side.name, user_agent=""
        )
    return client


@pytest.mark.parametrize("model", [EmailAddress, Session, UserSession])
def test_inside_a_workspace_nobodys_is_seen(sides: Sides, signed_in: Client, model) -> None:
    """Vectors 24, 32: neither another member's nor one's own; nothing there needs it."""
    assert model.objects.count() > 0
    with person_scope(sides.acme.member.user_id):
        assert model.objects.count() > 0

    with sides.acme.scope:
        assert model.objects.count() == 0
        assert rows(f"SELECT count(*) FROM {model._meta.db_table}") == [0]


def test_inside_a_workspace_no_password_mail_can_be_redirected(sides: Sides) -> None:
    """Vector 24: an address that is changed in one would take the account over."""
    before = set(EmailAddress.objects.values_list("email", flat=True))

    with sides.acme.scope:
        assert EmailAddress.objects.update(email="mallory@evil.test") == 0
        assert run("DELETE FROM account_emailaddress") == 0
        assert run("DELETE FROM django_session") == 0
        with refused(ProgrammingError, "row-level security"):
            EmailAddress.objects.create(
                user=sides.acme.member.user, email="mallory@evil.test", verified=True
            )

    assert set(EmailAddress.objects.values_list("email", flat=True)) == before


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/w/acme/"])
def test_a_session_cookie_that_cannot_be_is_none(sides: Sides, client: Client, path: str) -> None:
    """Vector 25: PostgreSQL's text knows no NUL, and a stranger may send one."""
    response = client.get(path, headers={"Cookie": 'sessionid="\\000aaaaaaaaaaaa"'})

    assert response.status_code in (200, 302)
