"""What platform staff can learn by filtering the lists of the admin site: what they offer."""

import logging

import pytest
from django.urls import reverse

from accounts.models import User
from agenhood.request_id import LogFilter
from tests.factories import MembershipFactory, UserFactory
from workspaces.scope import platform_scope

PEOPLE = reverse("admin:accounts_user_changelist")
WORKSPACES = reverse("admin:workspaces_workspace_changelist")


@pytest.fixture
def staff(client, db):
    client.force_login(UserFactory(is_staff=True))
    return client


@pytest.fixture
def ann(db):
    MembershipFactory(user=UserFactory(email="ann@acme.test", password="a long password"))
    with platform_scope("to know her hash"):
        return User.objects.get(email="ann@acme.test")


@pytest.mark.parametrize("lookup", ["exact", "startswith", "contains", "regex", "gt"])
def test_a_password_hash_cannot_be_guessed_by_filters(staff, ann, lookup):
    """Vectors 13, 40: a list that says whether a guess is right tells the hash in the end."""
    answers = [
        staff.get(PEOPLE, {f"password__{lookup}": guess}) for guess in (ann.password, "!wrong")
    ]

    assert {answer.status_code for answer in answers} == {400}


@pytest.mark.parametrize(
    ("url", "lookup"),
    [
        (PEOPLE, "memberships__workspace__slug"),
        (PEOPLE, "id__gt"),
        (WORKSPACES, "memberships__user__password__startswith"),
        (WORKSPACES, "memberships__role"),
        (WORKSPACES, "suspension_reason__contains"),
    ],
)
def test_lists_are_filtered_by_what_they_offer_only(staff, ann, url, lookup):
    """Vectors 13, 40."""
    assert staff.get(url, {lookup: "a"}).status_code == 400


def test_a_refused_filter_is_a_line_in_the_log(staff, caplog):
    caplog.handler.addFilter(LogFilter())
    caplog.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    assert staff.get(WORKSPACES, {"bogus": "1"}).status_code == 400

    assert caplog.text == "WARNING Filtering by bogus not allowed\n"


def test_the_filters_on_offer_work(staff, ann):
    assert "ann@acme.test" in staff.get(PEOPLE, {"is_active__exact": "1"}).text
    assert "ann@acme.test" not in staff.get(PEOPLE, {"is_staff__exact": "1"}).text
    assert "ann@acme.test" in staff.get(PEOPLE, {"q": "ann"}).text
