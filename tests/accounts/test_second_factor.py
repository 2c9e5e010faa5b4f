"""Signing in with a second factor, and changing it."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client

from tests.accounts.conftest import PASSWORD, confirm_password
from tests.factories import MembershipFactory, UserFactory
from tests.pages import error_at, page
from tests.second_factors import code, give_app, give_recovery_codes, wrong_code

SIGN_IN, STEP = "/sign-in/", "/sign-in/second-factor/"
INDEX, APP = "/account/second-factor/", "/account/second-factor/app/"
CODES = "/account/second-factor/recovery-codes/"


def password_step(client, user, **fields):
    return client.post(SIGN_IN, {"login": user.email, "password": PASSWORD, **fields})


def is_signed_in(client):
    return "_auth_user_id" in client.session


def test_signing_in_asks_for_a_code_and_leads_where_one_wanted_to_go(client, person):
    key = give_app(person)
    mine = MembershipFactory(user=person)
    asked = f"/w/{mine.workspace.slug}/members/?q=a%20b"

    response = password_step(client, person, next=asked)

    assert (response.status_code, response["Location"]) == (302, STEP)
    assert not is_signed_in(client)
    assert client.get("/account/").status_code == 302
    field = page(client.get(STEP)).one("input", name="code")
    assert field["autocomplete"] == "one-time-code"
    response = client.post(STEP, {"code": code(key)})
    assert (response.status_code, response["Location"]) == (302, asked)
    assert is_signed_in(client)


@pytest.mark.parametrize("periods", [-1, 0, 1])
def test_a_clock_may_be_one_period_off(client, person, periods):
    key = give_app(person)
    password_step(client, person)

    assert client.post(STEP, {"code": code(key, periods=periods)}).status_code == 302
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "typed", ["", "12", "a" * 400, "\0", "١٢٣٤٥٦", "ab cd ef", "-1", "000000\n", "{}"]
)
def test_what_is_no_code_is_refused(client, person, typed):
    give_app(person)
    give_recovery_codes(person)
    password_step(client, person)

    response = client.post(STEP, {"code": typed})

    assert response.status_code == 200
    assert error_at(response, "code")
    assert not is_signed_in(client)


def test_a_code_with_blanks_in_it_is_taken(client, person):
    key = give_app(person)
    password_step(client, person)
    now = code(key)

    assert client.post(STEP, {"code": f" {now[:3]} {now[3:]} "}).status_code == 302


def test_a_code_is_taken_once_even_while_it_is_still_good(person):
    """Somebody who saw it typed has 90 seconds; allauth's own memory is of 30."""
    key = give_app(person)
    used = code(key, periods=1)
    first, second = Client(), Client()
    password_step(first, person)
    assert first.post(STEP, {"code": used}).status_code == 302

    cache.clear()
    password_step(second, person)
    response = second.post(STEP, {"code": used})

    assert error_at(response, "code") == "This code or passkey is not right, or was used before."
    assert not is_signed_in(second)


def test_a_code_older_than_the_last_one_is_refused(person):
    key = give_app(person)
    first, second = Client(), Client()
    password_step(first, person)
    assert first.post(STEP, {"code": code(key, periods=1)}).status_code == 302

    password_step(second, person)
    second.post(STEP, {"code": code(key)})

    assert not is_signed_in(second)


def test_guesses_are_limited(client, person):
    key = give_app(person)
    password_step(client, person)
    for _ in range(5):
        client.post(STEP, {"code": wrong_code(key)})

    response = client.post(STEP, {"code": code(key)})

    assert "Too many failed login attempts" in response.text
    assert not is_signed_in(client)


def test_guesses_are_limited_by_the_day_from_wherever(person, settings):
    """Five in five minutes, for a month, would find one of a million."""
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "1000/m/key"}
    key = give_app(person)
    for _ in range(30):
        client = Client(REMOTE_ADDR=f"192.0.2.{_}")
        password_step(client, person)
        client.post(STEP, {"code": wrong_code(key)})
    client = Client(REMOTE_ADDR="198.51.100.1")
    password_step(client, person)

    response = client.post(STEP, {"code": code(key)})

    assert error_at(response, "code").startswith("Too many wrong codes.")
    assert not is_signed_in(client)


def test_a_right_code_starts_the_count_anew(person, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "1000/m/key"}
    key = give_app(person)
    for periods in (-1, 0):
        client = Client()
        password_step(client, person)
        for _ in range(29):
            client.post(STEP, {"code": wrong_code(key)})
        assert client.post(STEP, {"code": code(key, periods=periods)}).status_code == 302


def test_a_recovery_code_signs_in_once_and_the_count_says_so(person):
    give_app(person)
    codes = give_recovery_codes(person)
    first, second = Client(), Client()
    for client in (first, second):
        password_step(client, person)
        client.post(STEP, {"code": codes[3]})

    assert is_signed_in(first)
    assert not is_signed_in(second)
    password_step(second, person)
    assert second.post(STEP, {"code": codes[4]}).status_code == 302
    assert "8 recovery codes left" in page(first.get("/account/")).one("main").text
    assert "8 left" in page(first.get(INDEX)).one("main").text


def test_recovery_codes_alone_are_no_second_factor(client, person):
    give_recovery_codes(person)

    assert password_step(client, person)["Location"] == "/"
    person.refresh_from_db()
    assert not person.has_second_factor


def test_a_password_reset_does_not_pass_the_second_factor_by(client, person):
    give_app(person)
    client.post("/sign-in/password/reset/", {"email": person.email})
    link = re.search(r"/sign-in/password/reset/\S+", mail.outbox[0].body)[0]
    form = client.get(link)["Location"]

    new = "another long password"
    response = client.post(form, {"password1": new, "password2": new})

    assert response["Location"] == STEP
    assert not is_signed_in(client)


def test_the_step_belongs_to_whom_the_password_was_right(client, person):
    """Nobody gets to it without, and somebody else's code is no use."""
    give_app(person)
    other = UserFactory(email="other@example.test", password=PASSWORD)
    key = give_app(other)

    assert client.get(STEP)["Location"] == SIGN_IN
    password_step(client, person)
    client.post(STEP, {"code": code(key)})
    assert not is_signed_in(client)


def test_somebody_else_may_sign_in_at_the_step(client, person):
    give_app(person)
    password_step(client, person)

    out = page(client.get(STEP)).one("form", action="/sign-in/out/")

    assert out.one("button").text == "Sign in as somebody else"
    client.post("/sign-in/out/")
    assert client.get(STEP).status_code == 302


def signed_in_with(person, key):
    client = Client()
    password_step(client, person)
    assert client.post(STEP, {"code": code(key)}).status_code == 302
    return client


def test_changes_can_be_confirmed_with_a_code_too(person):
    key = give_app(person)
    client = signed_in_with(person, key)

    asked = client.get(APP + "remove/")
    ways = [a["href"] for a in page(client.get(asked["Location"])).all("a")]
    assert any(way.startswith("/sign-in/again/code/?next=") for way in ways)
    assert "/account/" in ways
    again = client.post("/sign-in/again/code/", {"code": code(key, periods=1), "next": APP})

    assert (again.status_code, again["Location"]) == (302, APP)


def test_a_code_that_signed_in_confirms_nothing(person):
    key = give_app(person)
    client = signed_in_with(person, key)

    response = client.post("/sign-in/again/code/", {"code": code(key)})

    assert error_at(response, "code")


def test_removing_the_app_takes_recovery_codes_along_and_mails(person):
    key = give_app(person)
    give_recovery_codes(person)
    client = signed_in_with(person, key)
    confirm_password(client)

    response = client.post(APP + "remove/")

    assert (response.status_code, response["Location"]) == (302, INDEX)
    assert not Authenticator.objects.exists()
    person.refresh_from_db()
    assert not person.has_second_factor
    assert [message.subject for message in mail.outbox] == ["Your authenticator app was removed"]


def test_new_recovery_codes_replace_the_old_ones(person):
    key = give_app(person)
    old = give_recovery_codes(person)
    client = signed_in_with(person, key)
    confirm_password(client)

    assert client.post(CODES + "new/")["Location"] == CODES

    shown = [item.text for item in page(client.get(CODES)).one("ul", class_="codes").all("li")]
    assert not set(shown) & set(old)


def test_a_mail_server_that_is_down_does_not_undo_it(person, monkeypatch):
    key = give_app(person)
    client = signed_in_with(person, key)
    confirm_password(client)

    def down(*_args, **_kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", down)
    response = client.post(APP + "remove/")

    assert response.status_code == 302
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("path", ["passkeys/{}/name/", "passkeys/{}/remove/"])
def test_somebody_elses_passkey_is_not_there(mine, person, path):
    theirs = Authenticator.objects.create(
        user=UserFactory(), type="webauthn", data={"name": "Theirs", "credential": {}}
    )

    for pk in (theirs.pk, 10**30):
        for method in ("get", "post"):
            response = getattr(mine, method)(INDEX + path.format(pk), {"name": "Mine"})
            assert response.status_code == 404
    theirs.refresh_from_db()
    assert theirs.data["name"] == "Theirs"


def test_staff_are_asked_to_set_one_up(db, browser):
    staff = UserFactory(email="staff@example.test", password=PASSWORD, is_staff=True)
    client = browser(staff)

    assert "please set one up" in page(client.get("/account/")).one("main").text
    give_app(staff)
    assert "please set one up" not in client.get("/account/").text
