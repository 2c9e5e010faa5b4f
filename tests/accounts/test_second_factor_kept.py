"""How second factors are kept: sealed with the master key, and noted on the account."""

import json

from django.db import connection
from django.test import Client

from accounts import second_factor
from accounts.master_key import resealers
from tests.accounts.conftest import PASSWORD
from tests.pages import page
from tests.second_factors import code, give_app, give_recovery_codes

SIGN_IN, STEP = "/sign-in/", "/sign-in/second-factor/"
APP = "/account/second-factor/app/"
NEW_KEY = "c2Vjb25kLWZhY3Rvci10ZXN0cy1uZXcta2V5LTAwMDE="


def password_step(client, user):
    return client.post(SIGN_IN, {"login": user.email, "password": PASSWORD})


def is_signed_in(client):
    return "_auth_user_id" in client.session


def test_seeds_are_sealed_and_no_seed_is_in_the_database_before_either(mine, person):
    key = page(mine.get(APP)).one(class_="seed").text
    assert key not in json.dumps(dict(mine.session.items()))

    mine.post(APP, {"code": code(key)})

    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator")
        stored = [row[0] for row in cursor.fetchall()]
    assert len(stored) == 2
    assert not any(key in text for text in stored)


def test_a_seed_does_not_open_without_the_master_key(client, person, settings):
    key = give_app(person)
    settings.AGENHOOD_MASTER_KEY = NEW_KEY
    password_step(client, person)
    client.raise_request_exception = False

    assert client.post(STEP, {"code": code(key)}).status_code == 500
    assert not is_signed_in(client)


def test_a_new_master_key_seals_every_seed_anew(client, person, settings):
    key = give_app(person)
    codes = give_recovery_codes(person)
    settings.AGENHOOD_MASTER_KEY = f"{NEW_KEY},{settings.AGENHOOD_MASTER_KEY}"

    assert second_factor.reseal_all() == 2
    assert second_factor.reseal_all() == 0

    settings.AGENHOOD_MASTER_KEY = NEW_KEY
    password_step(client, person)
    assert client.post(STEP, {"code": code(key)}).status_code == 302
    other = Client()
    password_step(other, person)
    assert other.post(STEP, {"code": codes[0]}).status_code == 302


def test_rotating_the_master_key_knows_of_them():
    assert resealers()["second factors"] is second_factor.reseal_all


def test_saving_an_account_that_was_read_before_does_not_change_what_is_said_of_it(person):
    before = type(person).objects.get(pk=person.pk)
    give_app(person)

    before.name = "Patricia"
    before.save()

    person.refresh_from_db()
    assert (person.name, person.has_second_factor) == ("Patricia", True)
