"""Platform staff reset how somebody signs in, and see nothing of it."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.accounts.conftest import PASSWORD
from tests.factories import MembershipFactory, UserFactory
from tests.pages import page
from tests.second_factors import give_app, give_recovery_codes
from workspaces.models import AuditEntry
from workspaces.scope import platform_scope, workspace_scope

PEOPLE = reverse("admin:accounts_user_changelist")


@pytest.fixture
def stella(db):
    return UserFactory(email="stella@platform.test", is_staff=True)


@pytest.fixture
def staff(client, stella):
    client.force_login(stella)
    return client


@pytest.fixture
def person(db):
    person = UserFactory(email="person@example.test", password=PASSWORD)
    give_app(person)
    give_recovery_codes(person)
    SocialAccount.objects.create(user=person, provider="oidc", uid="x")
    return person


def act(client, *people, **more):
    sent = {"action": "reset_second_factor", "_selected_action": [str(p.pk) for p in people]}
    return client.post(PEOPLE, sent | more)


def test_it_asks_first(staff, person):
    other = UserFactory(email="other@example.test")
    give_app(other)

    response = act(staff, person)

    assert response.status_code == 200
    assert [item.text for item in page(response).one("div", id="content").all("li")] == [
        f"person@example.test ({person.name})"
    ]
    assert Authenticator.objects.filter(user=person).count() == 2
    form = page(response).one("div", id="content").one("form")
    sent = {field["name"]: field["value"] for field in form.all("input") if field.get("name")}

    staff.post(PEOPLE, sent)

    assert not Authenticator.objects.filter(user=person).exists()
    assert Authenticator.objects.filter(user=other).exists()


def test_the_person_signs_in_with_the_password_alone_and_is_mailed(staff, person):
    response = act(staff, person, confirmed="yes")

    assert (response.status_code, response["Location"]) == (302, PEOPLE)
    assert not SocialAccount.objects.exists()
    person.refresh_from_db()
    assert (person.has_second_factor, person.check_password(PASSWORD)) == (False, True)
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([person.email], "Your second factor was reset")
    browser = Client()
    answer = browser.post("/sign-in/", {"login": person.email, "password": PASSWORD})
    assert answer["Location"] == "/"


def test_it_is_in_the_platforms_log_and_on_the_trail_of_each_workspace(staff, stella, person):
    mine = MembershipFactory(user=person)

    act(staff, person, confirmed="yes")

    with platform_scope("test"):
        entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (stella.pk, str(person.pk))
    assert entry.change_message == "Reset second factor and single sign-on."
    with workspace_scope(mine.workspace_id):
        entry = AuditEntry.objects.get(action="member.reset_second_factor")
        assert (entry.actor_kind, entry.target_id) == ("staff", str(mine.pk))


def test_nobody_resets_their_own_by_a_session_left_open(staff, stella, person):
    give_app(stella)

    response = act(staff, stella, person, confirmed="yes")

    assert response.status_code == 302
    assert Authenticator.objects.count() == 3
    assert "on your account page" in staff.get(PEOPLE).text


def test_a_mail_that_does_not_go_out_is_told(staff, person, monkeypatch):
    def down(*_args, **_kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", down)

    act(staff, person, confirmed="yes")

    assert not Authenticator.objects.exists()
    assert "could not be mailed" in staff.get(PEOPLE).text


def test_the_list_says_who_has_one_and_no_page_shows_it(staff, person):
    sealed = Authenticator.objects.get(type="totp").data["secret"]

    for path in (PEOPLE, reverse("admin:accounts_user_change", args=[person.pk])):
        shown = staff.get(path)
        assert shown.status_code == 200
        assert sealed not in shown.text
    assert "Second factor" in staff.get(PEOPLE).text


@pytest.mark.parametrize("who", ["member", "anonymous"])
def test_others_cannot(client, person, who):
    if who == "member":
        client.force_login(MembershipFactory().user)

    assert act(client, person, confirmed="yes").status_code in (302, 404)
    assert Authenticator.objects.filter(user=person).count() == 2
