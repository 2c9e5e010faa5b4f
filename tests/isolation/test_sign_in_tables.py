"""What people sign in with is out of reach inside a workspace, and works outside."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.utils import ProgrammingError
from django.test import Client

from tests.isolation.sides import Sides
from tests.isolation.sql import refused, rows, run
from tests.second_factors import give_app
from workspaces.scope import person_scope, platform_scope


@pytest.fixture
def signed_in(sides: Sides, client: Client) -> Client:
    client.force_login(sides.globex.member.user)
    for side in (sides.acme, sides.globex):
        UserSession.objects.create(
            user=side.member.user, ip="127.0.0.1", session_key=side.name, user_agent=""
        )
        SocialAccount.objects.create(user=side.member.user, provider="oidc", uid=side.name)
        give_app(side.member.user)
    return client


@pytest.mark.parametrize(
    "model", [EmailAddress, Session, UserSession, Authenticator, SocialAccount]
)
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


def test_inside_a_workspace_no_second_factor_can_be_planted_or_removed(
    sides: Sides, signed_in: Client
) -> None:
    """Vector 24: nor an identity of single sign-on, which is a way in as well."""
    person = sides.acme.member.user

    with sides.acme.scope:
        for table in ("mfa_authenticator", "socialaccount_socialaccount"):
            assert run(f"DELETE FROM {table}") == 0
            assert run(f"UPDATE {table} SET user_id = '{person.pk}'") == 0
        with refused(ProgrammingError, "row-level security"):
            Authenticator.objects.create(user=person, type="webauthn", data={})
        with refused(ProgrammingError, "row-level security"):
            SocialAccount.objects.create(user=person, provider="oidc", uid="mallory")

    assert Authenticator.objects.count() == SocialAccount.objects.count() == 2


def test_nobody_can_say_of_an_account_that_it_has_a_second_factor(sides: Sides) -> None:
    """Neither inside a workspace, nor outside, nor the platform: the database counts."""
    person = sides.acme.member.user
    claim = f"UPDATE accounts_user SET has_second_factor = true WHERE id = '{person.pk}'"

    run(claim)
    with platform_scope("test"):
        run(claim)
    with sides.acme.scope:
        run(claim)

    person.refresh_from_db()
    assert person.has_second_factor is False


def test_the_platform_sees_whose_they_are_and_no_secret(sides: Sides, signed_in: Client) -> None:
    """Vector 41: it takes them away, and neither reads nor makes them."""
    person = sides.acme.member.user
    with platform_scope("test"):
        assert sorted(rows("SELECT type FROM mfa_authenticator")) == ["totp", "totp"]
        for statement in (
            "SELECT data FROM mfa_authenticator",
            "SELECT uid FROM socialaccount_socialaccount",
            "UPDATE mfa_authenticator SET data = '{}'",
            f"INSERT INTO mfa_authenticator (user_id, type) VALUES ('{person.pk}', 'totp')",
        ):
            with refused(ProgrammingError, "permission denied"):
                run(statement)
        assert run(f"DELETE FROM mfa_authenticator WHERE user_id = '{person.pk}'") == 1

    person.refresh_from_db()
    assert person.has_second_factor is False


@pytest.mark.parametrize("table", ["socialaccount_socialapp", "socialaccount_socialtoken"])
def test_nobody_has_a_use_for_providers_and_tokens_in_the_database(sides: Sides, table) -> None:
    """A provider planted there could sign anybody in."""
    with refused(ProgrammingError, "permission denied"):
        run(f"SELECT * FROM {table}")
    with platform_scope("test"), refused(ProgrammingError, "permission denied"):
        run(f"SELECT * FROM {table}")


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/w/acme/"])
def test_a_session_cookie_that_cannot_be_is_none(sides: Sides, client: Client, path: str) -> None:
    """Vector 25: PostgreSQL's text knows no NUL, and a stranger may send one."""
    response = client.get(path, headers={"Cookie": 'sessionid="\\000aaaaaaaaaaaa"'})

    assert response.status_code in (200, 302)
