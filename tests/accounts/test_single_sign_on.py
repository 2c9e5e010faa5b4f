"""Signing in by OpenID Connect, against a provider of the test's own."""

import base64
import hashlib
import hmac
import json
import re
import time

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from accounts.models import User
from accounts.oidc_settings import oidc_providers
from tests.factories import MembershipFactory, UserFactory
from tests.oidc_provider import ANOTHER_KEY, CLIENT_ID, CLIENT_SECRET, running_provider
from tests.pages import page
from tests.second_factors import code, give_app

START, CALLBACK = "/sign-in/oidc/", "/sign-in/oidc/callback/"


def configured(issuer, **more):
    values = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "Corp SSO"}
    return oidc_providers(issuer, **(values | {"https_only": False} | more))


@pytest.fixture
def provider(settings):
    with running_provider() as provider:
        settings.SOCIALACCOUNT_PROVIDERS = configured(provider.issuer)
        yield provider


def go(client, **fields):
    """Press the button, sign in at the provider, and come back."""
    left = client.post(START, fields)
    assert left.status_code == 200
    address = page(left).one("main").one("a", class_="primary")["href"]
    with requests.get(address, allow_redirects=False, timeout=5) as answer:
        back = answer.headers["Location"]
    return client.get(back.removeprefix("http://testserver"))


def is_signed_in(client):
    return "_auth_user_id" in client.session


def words(response):
    return page(response).one("main").text


def test_a_person_signs_in_and_gets_where_they_wanted(client, person, provider):
    mine = MembershipFactory(user=person)
    asked = f"/w/{mine.workspace.slug}/members/"

    response = go(client, next=asked)

    assert (response.status_code, response["Location"]) == (302, asked)
    assert client.session["_auth_user_id"] == str(person.pk)
    assert provider.faults == []
    assert [message.subject for message in mail.outbox] == [
        "Your account was linked to single sign-on"
    ]


def test_the_way_leads_over_a_page_since_a_form_may_not_lead_to_another_site(
    client, person, provider
):
    response = client.post(START)

    assert "form-action 'self'" in response["Content-Security-Policy"]
    meta = page(response).one("meta", http_equiv="refresh")["content"]
    assert meta.startswith(f"0; url={provider.issuer}/authorize?")


def test_the_button_is_there_only_with_a_provider(client, person, provider, settings):
    assert page(client.get("/sign-in/")).one("form", action=START).one("button").text == (
        "Continue with Corp SSO"
    )

    settings.SOCIALACCOUNT_PROVIDERS = {}

    assert not page(client.get("/sign-in/")).all("form", action=START)
    assert client.post(START).status_code == 404
    assert client.get(CALLBACK).status_code == 404


def test_the_sign_in_page_hands_on_where_to_go(client, db, provider):
    form = page(client.get("/sign-in/?next=/account/")).one("form", action=START)

    assert form.one("input", name="next")["value"] == "/account/"


def test_the_second_time_the_identity_counts_and_no_longer_the_address(client, person, provider):
    go(client)
    provider.person |= {"email": "renamed@example.test", "email_verified": False}

    other = Client()
    go(other)

    assert other.session["_auth_user_id"] == str(person.pk)
    assert SocialAccount.objects.count() == 1


def test_an_address_given_to_somebody_else_does_not_open_the_account(client, person, provider):
    go(client)
    provider.person["sub"] = "43"

    other = Client()
    response = go(other)

    assert "There is no sign-up" in words(response)
    assert not is_signed_in(other)


@pytest.mark.parametrize("verified", [False, None, "false", "yes", 1, 0, [True], {}])
def test_only_a_verified_address_links(client, person, provider, verified):
    provider.person["email_verified"] = verified

    response = go(client)

    assert "There is no sign-up" in words(response)
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


def test_a_provider_may_quote_that_it_is_verified(client, person, provider):
    provider.person |= {"email_verified": "true", "email": "PERSON@Example.Test"}

    go(client)

    assert is_signed_in(client)


def test_nobody_is_signed_up(client, person, provider):
    provider.person["email"] = "new@example.test"
    before = User.objects.count()

    response = go(client)

    assert words(response) == words(client.get("/sign-in/up/"))
    assert User.objects.count() == before
    assert not is_signed_in(client)


def test_a_closed_account_is_refused(db, client, provider):
    UserFactory(email="person@example.test", is_active=False)

    for _ in range(2):
        response = go(client)

        assert (response.status_code, response["Location"]) == (302, "/sign-in/inactive/")
        assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


@pytest.fixture
def person(db):
    return UserFactory(email="person@example.test", name="Pat")


def test_our_second_factor_is_still_asked_for(client, person, provider):
    key = give_app(person)

    response = go(client, next="/account/")

    assert response["Location"] == "/sign-in/second-factor/"
    assert not is_signed_in(client)
    response = client.post("/sign-in/second-factor/", {"code": code(key)})
    assert (response.status_code, response["Location"]) == (302, "/account/")


def test_the_address_may_be_told_at_the_other_endpoint(client, person, provider):
    provider.in_id_token = {"sub"}

    go(client)

    assert is_signed_in(client)


def test_answers_about_two_people_are_refused(client, person, provider):
    provider.in_id_token = {"sub"}
    provider.user_info = {"sub": "43"}

    response = go(client)

    assert response.status_code == 401
    assert "did not work" in words(response)
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "told",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"exp": 1_700_000_000},  # long ago
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 42},
        {"email": ["person@example.test"]},
        {"email": {"person@example.test": 1}},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_as_it_must_be_is_refused(client, person, provider, told):
    provider.told = told

    response = go(client)

    assert response.status_code == 401, response.text
    assert not is_signed_in(client)


def test_a_token_signed_by_somebody_else_is_refused(client, person, provider):
    provider.key = ANOTHER_KEY

    assert go(client).status_code == 401
    assert not is_signed_in(client)


def test_a_token_signed_with_what_everybody_knows_is_refused(client, person, provider, monkeypatch):
    """The public key taken for a shared secret, and no signature at all."""

    def part(content):
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    now = int(time.time())
    claims = provider.person | {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "exp": now + 60,
        "iat": now,
    }
    public = json.dumps(provider.keys()["keys"][0]).encode()
    for algorithm in ("HS256", "none"):
        signed = part({"alg": algorithm, "kid": "one"}) + b"." + part(claims)
        signature = hmac.digest(public, signed, hashlib.sha256) if algorithm == "HS256" else b""
        token = signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")
        answer = {"access_token": "opaque", "id_token": token.decode()}
        monkeypatch.setattr(provider, "token", lambda _form, answer=answer: answer)

        assert go(client).status_code == 401
        assert not is_signed_in(client)


def test_a_provider_that_says_it_is_another_one_is_refused(client, person, provider):
    provider.says_it_is = "https://evil.example"

    response = client.post(START)

    assert response.status_code == 401
    assert "did not work" in words(response)


def test_a_provider_that_does_not_answer_is_told_of(client, person, settings):
    settings.SOCIALACCOUNT_PROVIDERS = configured("http://127.0.0.1:9")

    response = client.post(START)

    assert response.status_code == 401
    assert re.search(r"Request [0-9a-f]{16}", words(response))


@pytest.mark.parametrize(
    "query",
    ["", "?code=1", "?state=1&code=1", "?error=access_denied", "?code=%00&state=%00", "?state[]=1"],
)
def test_an_answer_nobody_asked_for_is_refused(client, person, provider, query):
    response = client.get(CALLBACK + query)

    assert response.status_code == 401
    assert not is_signed_in(client)


def test_an_answer_works_once_and_in_the_browser_that_asked(client, person, provider):
    """Else somebody could have another one sign in as themselves."""
    left = client.post(START)
    address = page(left).one("main").one("a", class_="primary")["href"]
    with requests.get(address, allow_redirects=False, timeout=5) as answer:
        back = answer.headers["Location"].removeprefix("http://testserver")

    assert Client().get(back).status_code == 401
    assert client.get(back).status_code == 302
    client.post("/sign-in/out/")
    assert client.get(back).status_code == 401


def test_somebody_who_stopped_there_is_told_so(client, person, provider):
    left = client.post(START)
    address = page(left).one("main").one("a", class_="primary")["href"]
    state = re.search(r"state=([^&]+)", address)[1]

    response = client.get(f"{CALLBACK}?error=access_denied&state={state}")

    assert response.status_code == 401
    assert "You stopped signing in at Corp SSO." in words(response)
    assert not is_signed_in(client)


@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_nothing_else_can_be_started_than_signing_in(client, person, provider, process):
    """allauth's own page would link any identity to the account that is signed in."""
    client.force_login(person)
    provider.person |= {"email": "mallory@evil.test", "sub": "666"}

    go(client, process=process, auth_params="prompt=none", scope="offline_access")

    assert not SocialAccount.objects.exists()


def test_it_leads_to_no_other_site(client, person, provider):
    assert go(client, next="https://evil.example/")["Location"] == "/"


def test_starts_from_one_address_are_limited(client, db, provider, settings):
    few = settings.ACCOUNT_RATE_LIMITS["login"].replace("300/", "3/")
    settings.ACCOUNT_RATE_LIMITS = {"login": few}
    answers = {client.post(START).status_code for _ in range(3)}

    assert answers == {200}
    assert client.post(START).status_code == 429


def test_nothing_but_who_it_is_is_kept(client, person, provider):
    provider.person |= {"phone_number": "+49 30 1234567", "address": "at home"}

    go(client)

    link = SocialAccount.objects.get()
    assert link.extra_data == {}
    assert re.fullmatch(r"[0-9a-f]{64}", link.uid)


def test_the_same_number_at_another_provider_is_somebody_else(client, person, provider, settings):
    go(client)
    with running_provider() as another:
        settings.SOCIALACCOUNT_PROVIDERS = configured(another.issuer)
        another.person = {"sub": "42", "email": "mallory@evil.test", "email_verified": True}
        other = Client()

        go(other)

    assert not is_signed_in(other)


@pytest.mark.parametrize(
    ("issuer", "more", "says"),
    [
        ("corp", {}, "must be an address"),
        ("ftp://corp.example", {}, "must be an address"),
        ("http://corp.example", {"https_only": True}, "over https"),
        ("https://corp.example", {"client_id": ""}, "AGENHOOD_OIDC_CLIENT_ID"),
        ("https://corp.example", {"client_secret": ""}, "AGENHOOD_OIDC_CLIENT_SECRET"),
    ],
)
def test_a_start_is_refused_with_half_of_the_settings(issuer, more, says):
    with pytest.raises(ImproperlyConfigured, match=says):
        configured(issuer, **more)
    assert configured("") == {}
