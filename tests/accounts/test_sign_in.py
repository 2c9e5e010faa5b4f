import re

import pytest
from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import PASSWORD
from tests.factories import MembershipFactory, UserFactory
from tests.pages import page
from workspaces.scope import platform_scope

SIGN_IN = "/sign-in/"
WRONG = "wrong horse battery"
FRAGMENT = {"HX-Request": "true"}


def sign_in(client, email, password=PASSWORD, *, address="127.0.0.1", **fields):
    typed = {"login": email, "password": password, **fields}
    return client.post(SIGN_IN, typed, REMOTE_ADDR=address)


def is_signed_in(client):
    return "_auth_user_id" in client.session


def without_what_differs_anyway(response, email):
    """Return an answer's status and text, without its CSRF token and the address typed in."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.text)
    return response.status_code, body.replace(email, "…")


def test_sign_in_leads_to_the_start_page(client, person):
    response = sign_in(client, person.email)

    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(person.pk)


@pytest.mark.parametrize("email", ["PERSON@Example.Test", "  person@example.test "])
def test_sign_in_takes_the_address_in_any_case(client, person, email):
    assert sign_in(client, email).status_code == 302
    assert is_signed_in(client)


def test_sign_in_starts_a_session_of_a_new_key(client, person):
    MembershipFactory(user=person)
    client.get(SIGN_IN)
    session = client.session
    session["planted"] = "x"
    session.save()
    client.cookies["sessionid"] = session.session_key

    sign_in(client, person.email)

    assert client.session.session_key != session.session_key


def test_refused_sign_in_does_not_tell_why(db, person):
    closed = UserFactory(email="closed@example.test", password=PASSWORD, is_active=False)
    unset = UserFactory(email="unset@example.test")
    tries = [person.email, "nobody@example.test", closed.email, unset.email]

    answers = [
        without_what_differs_anyway(sign_in(Client(), email, WRONG), email) for email in tries
    ]

    assert answers == [answers[0]] * len(tries)
    assert "The email address and/or password you specified are not correct." in answers[0][1]


def test_refused_sign_in_keeps_the_address_and_forgets_the_password(client, person):
    response = sign_in(client, person.email, WRONG)

    shown = page(response)
    assert shown.one("input", name="login")["value"] == person.email
    assert shown.one("input", name="password").get("value") == ""
    assert WRONG not in response.text
    assert not is_signed_in(client)


def test_closed_account_learns_so_only_with_its_password_and_is_not_let_in(client, db):
    closed = UserFactory(password=PASSWORD, is_active=False)

    response = sign_in(client, closed.email)

    assert (response.status_code, response["Location"]) == (302, "/sign-in/inactive/")
    assert page(client.get(response["Location"])).one("h1").text == "This account is closed"
    assert not is_signed_in(client)


def test_account_closed_meanwhile_is_signed_out(client, person):
    client.force_login(person)
    with platform_scope("close an account"):
        person.is_active = False
        person.save()

    response = client.get("/account/")

    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=/account/")


@pytest.mark.parametrize("password", ["", WRONG])
def test_account_without_a_password_cannot_sign_in_with_any(client, db, password):
    user = UserFactory()

    assert sign_in(client, user.email, password).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize("login", ["a\0b@example.test", "no address", "", "x" * 5000 + "@x.test"])
def test_sign_in_refuses_what_is_no_address(client, db, login):
    response = sign_in(client, login)

    assert response.status_code == 200
    assert page(response).all("ul", class_="errorlist")
    assert not is_signed_in(client)


def test_password_is_stored_as_an_argon2_hash(person):
    assert person.password.startswith("argon2$argon2id$")
    assert PASSWORD not in person.password


def test_password_guesses_at_one_account_are_limited(client, person):
    for _ in range(5):
        sign_in(client, person.email, WRONG)

    response = sign_in(client, person.email)

    assert not is_signed_in(client)
    assert "Too many failed login attempts. Try again later." in response.text


def test_a_colleagues_failures_lock_out_nobody_else_at_the_address(client, person):
    colleague = UserFactory(password=PASSWORD)
    for _ in range(60):
        sign_in(client, colleague.email, WRONG)

    assert "Too many failed" in sign_in(client, colleague.email).text
    assert sign_in(client, person.email).status_code == 302
    assert is_signed_in(client)


def test_failures_elsewhere_do_not_lock_a_person_out(client, person):
    for _ in range(6):
        sign_in(client, person.email, WRONG, address="192.0.2.1")

    assert sign_in(client, person.email).status_code == 302


def test_password_guesses_from_many_addresses_are_limited(client, person, settings):
    limits = settings.ACCOUNT_RATE_LIMITS
    few = limits["login_failed_anywhere"].replace("100/", "3/")
    settings.ACCOUNT_RATE_LIMITS = limits | {"login_failed_anywhere": few}
    for number in range(3):  # that person's own successes between do not count
        assert sign_in(Client(), person.email).status_code == 302
        sign_in(client, person.email, WRONG, address=f"192.0.2.{number}")

    response = sign_in(client, person.email)

    assert "Too many failed login attempts. Try again later." in response.text


def test_password_guesses_at_many_accounts_from_one_address_are_limited(rf, db):
    def guess(number):
        get_adapter().pre_authenticate(rf.post(SIGN_IN), email=f"{number}@example.test")

    for number in range(50):
        guess(number)

    with pytest.raises(ValidationError, match="Too many failed"):
        guess(50)


def test_sign_ins_from_one_address_are_limited(client, person, settings):
    few = settings.ACCOUNT_RATE_LIMITS["login"].replace("300/", "3/")
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"login": few}
    tries = {sign_in(client, "", "").status_code for _ in range(3)}

    response = sign_in(client, person.email)

    assert tries == {200}
    assert response.status_code == 429
    assert page(response).one("h1").text == "Too many tries in a short time"
    assert not is_signed_in(client)


@pytest.mark.parametrize("method", ["get", "post"])
def test_sign_up_is_closed_and_makes_no_account(client, db, method):
    before = User.objects.count()
    fields = {"email": "new@example.test", "password1": PASSWORD, "password2": PASSWORD}

    response = getattr(client, method)("/sign-in/up/", fields)

    assert response.status_code == 200
    assert page(response).one("h1").text == "There is no sign-up"
    assert User.objects.count() == before
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "https:evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "\x00//evil.example",
    ],
)
@pytest.mark.parametrize("in_query", [True, False])
def test_sign_in_leads_to_no_other_site(client, person, target, in_query):
    fields = {"login": person.email, "password": PASSWORD}
    if in_query:
        response = client.post(SIGN_IN, fields, query_params={"next": target})
    else:
        response = client.post(SIGN_IN, fields | {"next": target})

    assert (response.status_code, response["Location"]) == (302, "/")


def test_sign_in_leads_back_to_the_page_that_was_asked_for(client, person):
    mine = MembershipFactory(user=person)
    asked = f"/w/{mine.workspace.slug}/projects/?q=a%20b&state=archived"
    redirect = client.get(asked)
    form = page(client.get(redirect["Location"])).one("form", class_="fields")

    response = sign_in(client, person.email, next=form.one("input", name="next")["value"])

    assert response["Location"] == asked
    assert client.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("path", ["/w/acme/projects/new/", "/account/", "/workspaces/", "/admin/"])
def test_signed_out_fragment_leads_the_whole_page_to_sign_in_and_back(client, db, path):
    headers = FRAGMENT | {"HX-Current-URL": "http://testserver/w/acme/projects/?q=a+b"}

    response = client.get(path, headers=headers)

    assert response.status_code == 200
    assert response["HX-Redirect"] == "/sign-in/?next=/w/acme/projects/%3Fq%3Da%2Bb"
    assert response.text == ""


@pytest.mark.parametrize(
    "current",
    ["", "https://evil.example/account/", "http://testserver//evil.example/", "none", "http://["],
)
def test_signed_out_fragment_leads_back_to_pages_of_this_site_only(client, db, current):
    response = client.get("/account/", headers=FRAGMENT | {"HX-Current-URL": current})

    assert response["HX-Redirect"] == "/sign-in/?next=/"


def test_signed_out_person_learns_nothing_of_which_workspaces_exist(client, db):
    existing = MembershipFactory().workspace.slug

    answers = [client.get(f"/w/{slug}/") for slug in (existing, "nothing-here")]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"].replace(existing, "…") == "/sign-in/?next=/w/…/"
    assert answers[1]["Location"] == "/sign-in/?next=/w/nothing-here/"


def test_signed_in_person_is_led_on_from_the_sign_in_page(client, person):
    client.force_login(person)

    response = client.get(SIGN_IN)

    assert (response.status_code, response["Location"]) == (302, "/")


def test_sign_out_asks_on_get_and_ends_the_session_on_post(client, person):
    client.force_login(person)

    asked = client.get("/sign-in/out/")
    assert page(asked).one("h1").text == "Sign out?"
    assert is_signed_in(client)

    response = client.post("/sign-in/out/")
    assert (response.status_code, response["Location"]) == (302, SIGN_IN)
    assert not is_signed_in(client)
    assert client.get("/account/").status_code == 302
