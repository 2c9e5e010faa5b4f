import re
from urllib.parse import urlsplit

import pytest

from accounts.provisioning import set_password_path
from tests.accounts.conftest import PASSWORD
from tests.factories import UserFactory
from tests.pages import error_at, page

RESET = "/sign-in/password/reset/"
CHANGE = "/sign-in/password/change/"
NEW = "unlikely violet lantern"
WEAK = {
    "violet7": "This password is too short. It must contain at least 10 characters.",
    "1q2w3e4r5t": "This password is too common.",
    "8429374651": "This password is entirely numeric.",
    "person@example": "The password is too similar to the email.",
}


def link_in(mail):
    (link,) = re.findall(r"http://\S+", mail.body.split("Agenhood,")[0])
    assert link.startswith("http://testserver/")
    return urlsplit(link).path


def set_password(client, link, password, repeated=None):
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0] if form.redirect_chain else link
    fields = {"password1": password, "password2": password if repeated is None else repeated}
    return client.post(address, fields)


def change(client, old, new, repeated=None):
    fields = {"oldpassword": old, "password1": new, "password2": repeated or new}
    return client.post(CHANGE, fields)


def knows(user, password):
    user.refresh_from_db()
    return user.check_password(password)


# By mail


@pytest.mark.parametrize("typed", ["person@example.test", "PERSON@example.test"])
def test_reset_mails_a_link_to_the_account_that_asked(client, person, mailoutbox, typed):
    UserFactory(email="other@example.test", password=PASSWORD)

    client.post(RESET, {"email": typed})

    (mail,) = mailoutbox
    assert mail.to == ["person@example.test"]
    assert mail.subject == "Set your Agenhood password"
    assert link_in(mail).startswith(RESET)


def test_reset_answers_alike_whether_or_not_there_is_an_account(client, person, mailoutbox):
    closed = UserFactory(email="closed@example.test", password=PASSWORD, is_active=False)

    answers = [
        client.post(RESET, {"email": email})
        for email in (person.email, "nobody@example.test", closed.email)
    ]

    assert {(a.status_code, a["Location"], a.content) for a in answers} == {
        (302, "/sign-in/password/reset/sent/", b"")
    }
    assert [mail.to for mail in mailoutbox] == [[person.email]]
    assert page(client.get(answers[0]["Location"])).one("h1").text == "Look into your mail"


@pytest.mark.parametrize("backend", ["console", "dummy"])
@pytest.mark.parametrize("contact", ["", "ops@example.test"])
def test_reset_promises_no_mail_where_none_is_sent(client, person, settings, backend, contact):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{backend}.EmailBackend"
    settings.CONTACT_EMAIL = contact

    shown = client.get(RESET)
    answers = [
        client.post(RESET, {"email": email}) for email in (person.email, "nobody@example.test")
    ]

    for response in (shown, *answers):
        text = page(response).one("main").text
        assert response.status_code == 200
        assert "This installation sends no mail" in text
        assert f"Ask {contact or 'whoever runs this installation'} for one" in text
        assert "Send the link" not in text


def test_reset_requests_for_one_address_are_limited(client, person, mailoutbox):
    statuses = [client.post(RESET, {"email": person.email}).status_code for _ in range(6)]

    assert statuses == [302] * 5 + [429]
    assert len(mailoutbox) == 5


def test_reset_link_sets_the_password_and_signs_in(client, person, mailoutbox):
    client.post(RESET, {"email": person.email})

    response = set_password(client, link_in(mailoutbox[0]), NEW)

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(person.pk)
    assert knows(person, NEW)
    assert not knows(person, PASSWORD)


def test_reset_link_works_once(client, browser, person, mailoutbox):
    client.post(RESET, {"email": person.email})
    link = link_in(mailoutbox[0])
    set_password(client, link, NEW)
    client.logout()

    response = client.get(link, follow=True)
    again = client.post(link, {"password1": PASSWORD, "password2": PASSWORD})

    assert page(response).one("h1").text == "This link no longer works"
    assert page(again).one("h1").text == "This link no longer works"
    assert knows(person, NEW)


def test_reset_link_ends_the_sessions_that_were_open(client, browser, person, mailoutbox):
    intruder = browser(person)
    client.post(RESET, {"email": person.email})

    set_password(client, link_in(mailoutbox[0]), NEW)

    assert intruder.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200


def test_reset_link_of_one_account_does_not_set_the_password_of_another(client, person):
    other = UserFactory(email="other@example.test", password=PASSWORD)
    theirs, mine = (set_password_path(user).split("-", 2) for user in (other, person))

    response = client.get(f"{mine[0]}-{mine[1]}-{theirs[2]}", follow=True)

    assert page(response).one("h1").text == "This link no longer works"
    assert knows(other, PASSWORD)


def test_link_for_an_account_without_password_sets_one_and_signs_in(client, db):
    user = UserFactory()
    assert not user.has_usable_password()

    response = set_password(client, set_password_path(user), NEW)

    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)
    assert knows(user, NEW)


def test_link_in_the_address_is_taken_out_of_it_before_the_form_is_shown(client, person):
    """So that it reaches neither the browser's history nor a Referer."""
    link = set_password_path(person)

    response = client.get(link)

    key = link.rstrip("/").rsplit("-", 1)[1]
    assert response.status_code == 302
    assert key not in response["Location"]
    assert key not in client.get(response["Location"]).text


@pytest.mark.parametrize(("password", "message"), WEAK.items())
def test_reset_refuses_a_weak_password_at_its_field(client, person, password, message):
    response = set_password(client, set_password_path(person), password)

    assert error_at(response, "password1").startswith(message)
    assert password not in response.text
    assert knows(person, PASSWORD)


def test_reset_refuses_two_passwords_that_differ_at_the_second(client, person):
    response = set_password(client, set_password_path(person), NEW, NEW + "s")

    assert error_at(response, "password2") == "You must type the same password each time."
    assert knows(person, PASSWORD)


# Signed in


def test_change_ends_the_other_sessions_and_keeps_this_one(browser, person):
    here, elsewhere = browser(person), browser(person)
    stranger = browser(UserFactory(email="other@example.test", password=PASSWORD))

    response = change(here, PASSWORD, NEW)

    assert response.status_code == 302
    assert knows(person, NEW)
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert stranger.get("/account/").status_code == 200


def test_change_with_a_wrong_password_is_refused_at_its_field(browser, person):
    response = change(browser(person), "wrong horse battery", NEW)

    assert error_at(response, "oldpassword") == "Please type your current password."
    assert knows(person, PASSWORD)


@pytest.mark.parametrize(("password", "message"), WEAK.items())
def test_change_refuses_a_weak_password_at_its_field(client, person, password, message):
    client.force_login(person)

    response = change(client, PASSWORD, password)

    assert error_at(response, "password1").startswith(message)
    assert knows(person, PASSWORD)


def test_change_is_mailed_to_nobody_and_asked_of_signed_in_people_only(client, person):
    response = change(client, PASSWORD, NEW)

    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/")
    assert knows(person, PASSWORD)
