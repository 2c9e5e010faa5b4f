import pytest
from allauth.usersessions.models import UserSession
from django.urls import reverse

from accounts.views import browser_name
from tests.accounts.conftest import FIREFOX, PASSWORD
from tests.factories import UserFactory
from tests.pages import page

ACCOUNT = "/account/"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
CHROME += "Chrome/140.0.0.0 Safari/537.36"


def end(client, session):
    return client.post(reverse("accounts:session-end", args=[session.pk]))


def session_of(client):
    return UserSession.objects.get(session_key=client.session.session_key)


def is_signed_in(client):
    return client.get(ACCOUNT).status_code == 200


def listed(client):
    table = page(client.get(ACCOUNT)).one("section", id="sessions").one("tbody")
    return [row.all("td")[0].text for row in table.all("tr")]


@pytest.fixture
def stranger(browser, person):
    return browser(UserFactory(email="other@example.test", password=PASSWORD), "Opera")


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604", "Safari on iOS"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "A browser"),
        ("", "A browser"),
        ("<script>Firefox/", "Firefox"),
    ],
)
def test_browser_name_tells_browser_and_system_and_nothing_typed_by_the_client(user_agent, label):
    assert browser_name(user_agent) == label


def test_sessions_are_listed_with_the_current_one_first(browser, person, stranger):
    here, _elsewhere = browser(person), browser(person, CHROME)

    assert listed(here) == ["Firefox on Linux This one", "Chrome on Windows"]
    rows = page(here.get(ACCOUNT)).one("section", id="sessions").one("tbody").all("tr")
    seen = [row.one("td", **{"data-label": "Last seen"}).text for row in rows]
    assert seen[0] == "Now"
    assert "UTC" in seen[1]


def test_session_is_ended_from_another_one(browser, person):
    here, elsewhere, third = browser(person), browser(person, CHROME), browser(person, CHROME)

    response = end(here, session_of(elsewhere))

    assert (response.status_code, response["Location"]) == (302, ACCOUNT)
    assert [is_signed_in(client) for client in (here, elsewhere, third)] == [True, False, True]
    assert listed(here) == ["Firefox on Linux This one", "Chrome on Windows"]


def test_all_other_sessions_are_ended_and_nobody_elses(browser, person, stranger):
    here, *others = browser(person), browser(person, CHROME), browser(person, CHROME)

    response = here.post(reverse("accounts:sessions-end-others"))

    assert (response.status_code, response["Location"]) == (302, ACCOUNT)
    assert is_signed_in(here)
    assert not any(is_signed_in(client) for client in others)
    assert is_signed_in(stranger)
    assert listed(here) == ["Firefox on Linux This one"]


def test_ending_the_current_session_signs_out(browser, person):
    here, elsewhere = browser(person), browser(person, CHROME)

    response = end(here, session_of(here))

    assert (response.status_code, response["Location"]) == (302, "/sign-in/")
    assert here.cookies["sessionid"].value == ""
    assert not is_signed_in(here)
    assert is_signed_in(elsewhere)


def test_session_of_another_person_is_not_found_and_goes_on(browser, person, stranger):
    response = end(browser(person), session_of(stranger))

    assert response.status_code == 404
    assert is_signed_in(stranger)


def test_ended_session_is_not_found_a_second_time(browser, person):
    here = browser(person)
    session = session_of(browser(person, CHROME))
    end(here, session)

    assert end(here, session).status_code == 404


def test_signed_out_session_leaves_the_list(browser, person):
    here, elsewhere = browser(person), browser(person, CHROME)

    elsewhere.post("/sign-in/out/")

    assert listed(here) == ["Firefox on Linux This one"]


def test_sessions_are_ended_by_post_only(browser, person):
    here, elsewhere = browser(person), browser(person, CHROME)
    session = session_of(elsewhere)

    responses = [
        here.get(reverse("accounts:session-end", args=[session.pk])),
        here.get(reverse("accounts:sessions-end-others")),
    ]

    assert [response.status_code for response in responses] == [405, 405]
    assert is_signed_in(elsewhere)
