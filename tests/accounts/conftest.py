from collections.abc import Callable

import pytest
from django.test import Client

from tests.factories import UserFactory
from tests.pages import page
from tests.passwords import quick_hashes

__all__ = ["quick_hashes"]

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def person(db):
    return UserFactory(email="person@example.test", name="Pat", password=PASSWORD)


@pytest.fixture
def browser() -> Callable[..., Client]:
    """Return a browser in which a person has signed in by the form."""

    def signed_in_as(user, user_agent: str = FIREFOX, password: str = PASSWORD) -> Client:
        client = Client(headers={"user-agent": user_agent})
        response = client.post("/sign-in/", {"login": user.email, "password": password})
        assert response.status_code == 302, page(response).one("main").text
        return client

    return signed_in_as


@pytest.fixture
def mine(browser, person) -> Client:
    """The person's browser, in which they have just said their password once more."""
    client: Client = browser(person)
    confirm_password(client)
    return client


def confirm_password(client: Client) -> None:
    assert client.post("/sign-in/again/", {"password": PASSWORD}).status_code == 302
