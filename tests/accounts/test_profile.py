from datetime import UTC, datetime

import pytest
from django.urls import reverse

from tests.accounts.conftest import PASSWORD
from tests.factories import MembershipFactory, ProjectFactory, UserFactory
from tests.pages import error_at, page
from workspaces.scope import workspace_scope

ACCOUNT = "/account/"
FRAGMENT = {"HX-Request": "true"}
PROFILE = {"name": "Pat", "time_zone": "UTC", "theme": "system"}


@pytest.fixture
def other(db):
    return UserFactory(email="other@example.test", name="Olive", theme="light")


@pytest.fixture
def user(client, person, other):
    client.force_login(person)
    return person


def stored(user):
    user.refresh_from_db()
    return {name: getattr(user, name) for name in PROFILE}


def save(client, headers=None, **fields):
    return client.post(ACCOUNT, PROFILE | fields, headers=headers or {})


def test_profile_is_stored_for_the_person_alone(client, user, other):
    wanted = {"name": "Pat Doe", "time_zone": "Asia/Tokyo", "theme": "dark"}

    response = save(client, **wanted)

    assert (response.status_code, response["Location"]) == (302, ACCOUNT)
    assert stored(user) == wanted
    assert stored(other) == {"name": "Olive", "time_zone": "UTC", "theme": "light"}


def test_profile_form_changes_nothing_but_the_profile(client, user, other):
    save(client, email="root@example.test", is_staff="on", id=other.pk, password="x")

    user.refresh_from_db()
    assert (user.email, user.is_staff) == ("person@example.test", False)
    assert stored(other)["name"] == "Olive"


@pytest.mark.parametrize("theme", ["system", "light", "dark"])
def test_theme_is_that_of_the_whole_page(client, user, theme):
    save(client, theme=theme)

    assert page(client.get(ACCOUNT)).one("html")["data-theme"] == theme


def test_profile_saved_in_htmx_answers_the_form_and_tells_the_theme(client, user):
    response = save(client, FRAGMENT, theme="dark")

    assert response.status_code == 200
    assert "<html" not in response.text
    saved = page(response).one("span", class_="saved")
    assert (saved.text, saved["data-theme-now"]) == ("Saved", "dark")
    assert stored(user)["theme"] == "dark"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "14 Mar 2026, 22:30 UTC"),
        ("Asia/Tokyo", "15 Mar 2026, 07:30 JST"),
        ("America/New_York", "14 Mar 2026, 18:30 EDT"),
        ("Asia/Kathmandu", "15 Mar 2026, 04:15 +0545"),
    ],
)
def test_times_are_shown_in_the_zone_of_the_person_with_utc_beside(client, user, zone, shown):
    mine = MembershipFactory(user=user)
    project = ProjectFactory(workspace=mine.workspace)
    with workspace_scope(mine.workspace_id):
        type(project).objects.filter(pk=project.pk).update(
            created_at=datetime(2026, 3, 14, 22, 30, tzinfo=UTC)
        )
    save(client, time_zone=zone)

    response = client.get(reverse("fleet:project-detail", args=[mine.workspace.slug, project.pk]))

    time = page(response).one("time")
    assert time.text == shown
    assert time["title"] == "2026-03-14 22:30:00 UTC"
    assert time["datetime"] == "2026-03-14T22:30:00+00:00"


def test_time_zone_of_one_person_does_not_reach_the_next(browser, person):
    tokyo = browser(person)
    save(tokyo, time_zone="Asia/Tokyo")
    utc = browser(UserFactory(password=PASSWORD))

    zones = [
        [time.text.rsplit(" ")[-1] for time in page(client.get(ACCOUNT)).all("time")]
        for client in (tokyo, utc)
    ]

    assert zones == [["JST"], ["UTC"]]


CHOICE = "Select a valid choice. {} is not one of the available choices."


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("time_zone", "Mars/Olympus", CHOICE.format("Mars/Olympus")),
        ("time_zone", "../etc/passwd", CHOICE.format("../etc/passwd")),
        ("time_zone", "", "This field is required."),
        ("theme", "pink", CHOICE.format("pink")),
        ("theme", "", "This field is required."),
        ("name", "x" * 81, "Ensure this value has at most 80 characters (it has 81)."),
        ("name", "Pa\0t", "Null characters are not allowed."),
    ],
)
def test_invalid_profile_is_refused_at_the_field_and_keeps_what_was_typed(
    client, user, field, value, message, headers
):
    typed = {"name": "Typed <b>", "time_zone": "Asia/Tokyo", "theme": "dark"} | {field: value}

    response = save(client, headers, **typed)

    shown = page(response)
    assert response.status_code == 422
    assert ("<html" in response.text) is not bool(headers)
    assert error_at(response, field) == message
    assert shown.one("input", name="name")["value"] == typed["name"]
    for name in {"time_zone", "theme"} - {field}:
        chosen = [
            o["value"]
            for o in shown.one("select", name=name).all("option")
            if "selected" in o.attributes
        ]
        assert chosen == [typed[name]]
    assert stored(user) == PROFILE
    if not headers:
        assert shown.one("html")["data-theme"] == "system"


def test_name_may_be_empty_and_the_address_stands_in_for_it(client, user):
    save(client, name="")

    assert stored(user)["name"] == ""
    button = page(client.get(ACCOUNT)).one("button", class_="account")
    assert button.text == user.email


@pytest.mark.parametrize("method", ["put", "delete"])
def test_account_page_refuses_other_methods(client, user, method):
    assert getattr(client, method)(ACCOUNT).status_code == 405
