"""Passkeys, as far as no browser is needed: what is asked of one, and answers that are none."""

import json

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from fido2.cose import ES256
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

from accounts.second_factor_forms import PasskeyForm
from tests.accounts.conftest import PASSWORD
from tests.factories import UserFactory
from tests.pages import page

ADD, SIGN_IN = "/account/second-factor/passkeys/add/", "/sign-in/passkey/"
JSON = {"accept": "application/json"}
CLIENT_DATA = websafe_encode(
    b'{"type": "webauthn.create", "challenge": "AA", "origin": "https://testserver"}'
)
ODD = [
    "",
    "x",
    "null",
    "[]",
    "1",
    '"text"',
    "{}",
    '{"id": 1}',
    '{"id": "AA", "rawId": "AA", "response": null, "type": "public-key"}',
    '{"id": "AA", "rawId": "AA", "response": {}, "clientExtensionResults": {}}',
    '{"id": "AA", "rawId": "AA", "response": [], "clientExtensionResults": []}',
    '{"id": "AA", "rawId": "BB", "response": {"clientDataJSON": "AA", "attestationObject": "AA"}}',
    json.dumps(
        {
            "id": "AA",
            "rawId": "AA",
            "type": "public-key",
            "clientExtensionResults": {"credProps": 1},
            "response": {"clientDataJSON": "\0", "attestationObject": "\ud800"},
        }
    ),
    json.dumps(
        {
            "id": "AA",
            "rawId": "AA",
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {"clientDataJSON": CLIENT_DATA, "attestationObject": "oA"},
        }
    ),
    json.dumps(
        {
            "id": "AA",
            "rawId": "AA",
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": CLIENT_DATA,
                "authenticatorData": "AA",
                "signature": "AA",
                "userHandle": "AA",
            },
        }
    ),
    json.dumps({"response": {"userHandle": 5}, "id": "AA", "rawId": "AA"}),
    json.dumps({"response": "text", "id": "AA", "rawId": "AA"}),
    "[" * 5000 + "]" * 5000,
    "1" * 5000,
]


@pytest.mark.parametrize("sent", ODD, ids=range(len(ODD)))
def test_an_answer_that_is_none_signs_nobody_in(client, person, sent):
    client.get(SIGN_IN, headers=JSON)

    response = client.post(f"{SIGN_IN}?next=/account/", {"credential": sent})

    assert response.status_code == 302
    assert response["Location"] == "/sign-in/?next=%2Faccount%2F"
    assert "_auth_user_id" not in client.session
    assert page(client.get(response["Location"])).one("main").all(class_="errorlist")


@pytest.mark.parametrize("sent", ODD, ids=range(len(ODD)))
def test_an_answer_that_is_none_adds_none(mine, sent):
    assert mine.get(ADD).status_code == 200

    response = mine.post(ADD, {"name": "Key", "credential": sent})

    assert response.status_code == 200
    assert page(response).one("form", action=ADD).all(class_="errorlist")
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("sent", ODD, ids=range(len(ODD)))
def test_an_answer_that_is_none_is_no_second_factor(client, person, sent):
    Authenticator.objects.create(
        user=person, type="webauthn", data={"name": "Key", "credential": registered()}
    )
    client.post("/sign-in/", {"login": person.email, "password": PASSWORD})

    response = client.post("/sign-in/second-factor/", {"credential": sent})

    assert response.status_code == 200
    assert page(response).one("form", data_passkey="prove").all(class_="errorlist")
    assert "_auth_user_id" not in client.session


def registered():
    """Return what a browser sends for a new passkey, of a device that nobody has."""
    key = ES256.from_cryptography_key(generate_private_key(SECP256R1()).public_key())
    data = AuthenticatorData.create(
        sha256(b"testserver"),
        AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT,
        counter=0,
        credential_data=AttestedCredentialData.create(Aaguid(bytes(16)), b"a" * 16, key),
    )
    return {
        "id": websafe_encode(b"a" * 16),
        "rawId": websafe_encode(b"a" * 16),
        "type": "public-key",
        "clientExtensionResults": {"credProps": {"rk": False}},
        "response": {
            "clientDataJSON": CLIENT_DATA,
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        },
    }


def test_signing_in_asks_for_any_passkey_and_that_it_knows_its_person(client, db):
    options = client.get(SIGN_IN, headers=JSON).json()["request_options"]["publicKey"]

    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")
    assert options["rpId"] == "testserver"
    again = client.get(SIGN_IN, headers=JSON).json()["request_options"]["publicKey"]
    assert again["challenge"] != options["challenge"]


def test_the_address_is_no_page(client, db):
    assert client.get(SIGN_IN)["Location"] == "/sign-in/"


def test_sign_ins_by_passkey_from_one_address_are_limited(client, db, settings):
    few = settings.MFA_RATE_LIMITS["webauthn_login"].replace("60/", "3/")
    settings.MFA_RATE_LIMITS = {"webauthn_login": few}
    answers = [client.post(SIGN_IN, {"credential": "{}"}).status_code for _ in range(4)]

    assert answers == [302] * 3 + [429]


def test_a_name_is_short(mine):
    field = PasskeyForm(user=UserFactory.build(), initial={"name": "x"}).fields["name"]

    assert field.max_length == 60


def test_a_key_is_told_the_persons_own_name_and_which_ones_it_has(mine, person):
    shown = page(mine.get(ADD)).one("script", id="passkey-options")

    options = json.loads(shown.text)["creation_options"]["publicKey"]
    assert options["rp"] == {"id": "testserver", "name": "testserver"}
    assert options["user"]["name"] == person.email
    assert shown["type"] == "application/json"
