"""Setting up an authenticator app and recovery codes."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail

from tests.accounts.conftest import PASSWORD, confirm_password
from tests.factories import UserFactory
from tests.pages import error_at, page
from tests.second_factors import code, wrong_code

INDEX, APP = "/account/second-factor/", "/account/second-factor/app/"
CODES = "/account/second-factor/recovery-codes/"


def key_on(response):
    return page(response).one(class_="seed").text


def test_an_app_is_set_up_with_its_first_code_and_recovery_codes_are_shown_once(
    committed_db, browser
):
    person = UserFactory(email="person@example.test", password=PASSWORD)
    mine = browser(person)
    confirm_password(mine)
    key = key_on(mine.get(APP))

    response = mine.post(APP, {"code": code(key)})

    assert (response.status_code, response["Location"]) == (302, CODES)
    shown = [item.text for item in page(mine.get(CODES)).one("ul", class_="codes").all("li")]
    assert len(set(shown)) == 10
    assert all(re.fullmatch(r"\d{8}", one) for one in shown)
    again = mine.get(CODES)
    assert not any(one in again.text for one in shown)
    assert "10 of 10 are left" in again.text
    person.refresh_from_db()
    assert person.has_second_factor
    assert [message.subject for message in mail.outbox] == ["An authenticator app was set up"]


def test_a_wrong_first_code_turns_nothing_on_and_keeps_the_key_on_the_page(mine, person):
    key = key_on(mine.get(APP))

    response = mine.post(APP, {"code": wrong_code(key)})

    assert error_at(response, "code") == "This code or passkey is not right, or was used before."
    assert key_on(response) == key
    assert not Authenticator.objects.exists()
    mine.post(APP, {"code": code(key)})
    assert Authenticator.objects.filter(user=person, type="totp").exists()


def test_the_qr_code_is_part_of_the_page_and_says_who_and_where(mine, person):
    response = mine.get(APP)

    shown = page(response)
    assert shown.one("svg", class_="qr")["role"] == "img"
    assert "data:" not in response.text
    assert not shown.all(style="")
    link = next(a["href"] for a in shown.all("a") if a["href"].startswith("otpauth:"))
    assert link.startswith("otpauth://totp/person%40example.test?secret=")
    assert "issuer=Agenhood%20testserver" in link


def test_setting_up_needs_the_password_once_more(browser, person):
    client = browser(person)

    for path in (APP, "/account/second-factor/passkeys/add/", CODES + "new/"):
        response = client.get(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/again/?next=")
    back = client.post("/sign-in/again/", {"password": PASSWORD, "next": APP})
    assert (back.status_code, back["Location"]) == (302, APP)
    assert client.get(APP).status_code == 200


@pytest.mark.parametrize(
    ("before", "ends"), [([], True), (["recovery_codes"], True), (["webauthn"], False)]
)
def test_the_first_second_factor_ends_sessions_that_were_begun_without(
    committed_db, browser, before, ends
):
    person = UserFactory(email="person@example.test", password=PASSWORD)
    elsewhere, mine = browser(person), browser(person)
    for kind in before:
        Authenticator.objects.create(user=person, type=kind, data={"used_mask": 0})
    confirm_password(mine)
    key = key_on(mine.get(APP))

    mine.post(APP, {"code": code(key)})

    assert Authenticator.objects.filter(user=person, type="totp").exists()
    assert elsewhere.get("/")["Location"] == ("/sign-in/?next=/" if ends else "/workspaces/")
    assert mine.get("/")["Location"] == "/workspaces/"
