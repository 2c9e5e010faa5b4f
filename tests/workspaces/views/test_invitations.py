"""Pages about invitations: of a workspace, and where their links lead. Vectors 22 and 34."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.factories import (
    InvitationFactory,
    MembershipFactory,
    UserFactory,
    WorkspaceFactory,
)
from tests.pages import error_at, page
from workspaces.audit.models import AuditEntry
from workspaces.invitations.actions import MOST_OPEN
from workspaces.invitations.models import Invitation
from workspaces.models import Membership
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope
from workspaces.secret_text import new_secret

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
PAT = {"email": "Pat@Example.test", "role": "operator"}
NEWCOMER = {"name": "Pat", "password": PASSWORD, "again": PASSWORD}
ACCEPT = "/invitations/accept/"
NO_MAIL = override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend")


@pytest.fixture
def admin(client):
    membership = MembershipFactory(role=Role.ADMIN, workspace__name="Acme", user__name="Ann")
    client.force_login(membership.user)
    cache.clear()
    return membership


@pytest.fixture
def pat():
    """The browser of whom is invited."""
    return Client()


def at(name, membership, *args):
    return reverse(f"workspaces:{name}", args=[membership.workspace.slug, *args])


def shown(response) -> str:
    """Return the path of the link that a page shows."""
    return page(response).one(id="copy-once")["value"].removeprefix("http://testserver")


def mailed_link(number=-1) -> str:
    return re.search(r"http://testserver(/invitations/\S+)", mail.outbox[number].body)[1]


def the_invitation(membership) -> Invitation:
    with workspace_scope(membership.workspace_id):
        return Invitation.objects.latest("id")


def roles(membership) -> dict[str, str]:
    with workspace_scope(membership.workspace_id):
        return dict(Membership.objects.values_list("user__email", "role"))


def trail(membership) -> list[str]:
    with workspace_scope(membership.workspace_id):
        return list(AuditEntry.objects.order_by("number").values_list("action", flat=True))


def test_an_invitation_is_mailed_and_its_other_link_shown_once(client, admin, caplog):
    response = client.post(at("invitation-create", admin), PAT)

    assert response.status_code == 201
    (sent,) = mail.outbox
    assert sent.to == ["pat@example.test"]
    assert sent.subject == "Join Acme on Agenhood"
    assert "Ann" in sent.body
    assert "as Operator" in sent.body
    links = {shown(response), mailed_link()}
    assert len(links) == 2
    invitation = the_invitation(admin)
    assert (invitation.email, invitation.role) == ("pat@example.test", Role.OPERATOR)
    assert timedelta(days=6) < invitation.expires_at - timezone.now() <= timedelta(days=7)
    listed = client.get(at("invitation-list", admin))
    assert "pat@example.test" in listed.text
    kept = [listed.text, caplog.text, *(str(s.get_decoded()) for s in Session.objects.all())]
    with workspace_scope(admin.workspace_id):
        kept += [str(vars(row)) for row in [*AuditEntry.objects.all(), invitation]]
    for link in links:
        assert not [where for where in kept if link[18:50] in where]
    assert trail(admin)[1:] == ["invitation.create", "invitation.send"]


def test_a_newcomer_makes_an_account_by_the_mailed_link_and_is_in(client, admin, pat):
    client.post(at("invitation-create", admin), PAT)

    opened = pat.get(mailed_link())
    assert opened["Location"] == ACCEPT
    assert opened["Referrer-Policy"] == "no-referrer"
    form = pat.get(ACCEPT)
    assert "Join Acme" in page(form).one("h1").text
    assert mailed_link()[18:50] not in form.text
    joined = pat.post(ACCEPT, NEWCOMER)

    assert joined["Location"] == admin.workspace.get_absolute_url()
    assert pat.get(joined["Location"]).status_code == 200
    user = User.objects.get(email="pat@example.test")
    assert (user.name, user.check_password(PASSWORD)) == ("Pat", True)
    assert EmailAddress.objects.get(user=user).verified
    assert roles(admin)["pat@example.test"] == Role.OPERATOR
    assert "invitation" not in pat.session


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "short", "again": "short"}, "password"),
        ({"password": "pat@example.test", "again": "pat@example.test"}, "password"),
        ({"again": "another one"}, "again"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\0b"}, "name"),
    ],
)
def test_a_newcomers_form_says_what_is_wrong(client, admin, pat, change, field):
    client.post(at("invitation-create", admin), PAT)
    pat.get(mailed_link())

    response = pat.post(ACCEPT, NEWCOMER | change)

    assert response.status_code == 422
    assert error_at(response, field)
    assert not User.objects.filter(email="pat@example.test").exists()
    assert PASSWORD not in response.text


def test_a_copied_link_asks_a_newcomer_for_a_mail_and_tells_nobody_of_accounts(client, admin, pat):
    pages = []
    for email in ("pat@example.test", UserFactory(email="pia@example.test").email):
        link = shown(client.post(at("invitation-create", admin), PAT | {"email": email}))
        pat.get(link)
        answer = pat.get(ACCEPT)
        body = re.sub(r'value="\w{64}"', "", answer.text).replace(email, "the address")
        pages.append((answer.status_code, body))
        made = pat.post(ACCEPT, NEWCOMER)
        assert made["Location"].startswith("/sign-in/?next=/invitations/accept/")
    assert pages[0] == pages[1]
    assert not User.objects.filter(email="pat@example.test").exists()
    with workspace_scope(admin.workspace_id):
        Invitation.objects.update(mailed_at=timezone.now() - timedelta(minutes=2))

    for _ in range(2):  # the second one within the minute is not sent
        assert pat.post("/invitations/mail/")["Location"] == ACCEPT
    assert len(mail.outbox) == 3
    pat.get(link)
    assert "The mail is on its way" in pat.get(ACCEPT).text


def test_somebody_else_is_told_whom_it_is_for_and_may_switch(client, admin, pat):
    client.post(at("invitation-create", admin), PAT)
    ann = UserFactory(email="ann@elsewhere.test")
    UserFactory(email="pat@example.test", password=PASSWORD)
    pat.force_login(ann)
    pat.get(mailed_link())

    told = pat.get(ACCEPT)
    assert told.status_code == 200
    assert "This invitation is for pat@example.test" in told.text
    assert "You are ann@elsewhere.test" in told.text
    assert "Acme" not in told.text
    assert pat.post(ACCEPT).status_code == 403
    assert "ann@elsewhere.test" not in roles(admin)
    with workspace_scope(admin.workspace_id):
        denied = AuditEntry.objects.get(action="invitation.accept")
        assert (denied.outcome, denied.actor_label) == ("denied", "ann@elsewhere.test")

    switched = pat.post("/invitations/switch/")
    assert switched["Location"] == "/sign-in/?next=/invitations/accept/"
    assert pat.get("/account/").status_code == 302
    signed_in = pat.post(
        switched["Location"],
        {"login": "pat@example.test", "password": PASSWORD, "next": ACCEPT},
    )
    assert signed_in["Location"] == ACCEPT
    assert "You are signed in as pat@example.test" in pat.get(ACCEPT).text
    assert pat.post(ACCEPT)["Location"] == admin.workspace.get_absolute_url()
    assert roles(admin)["pat@example.test"] == Role.OPERATOR


def test_whatever_is_wrong_with_a_link_gets_one_page(client, admin):
    def ended(**change):
        secret = new_secret(admin.workspace_id)
        invitation = InvitationFactory(
            workspace=admin.workspace, secret=secret, invited_by=admin.user
        )
        with workspace_scope(admin.workspace_id):
            Invitation.objects.filter(pk=invitation.pk).update(**change)
        return secret

    suspended = WorkspaceFactory()
    of_suspended = new_secret(suspended.pk)
    InvitationFactory(workspace=suspended, secret=of_suspended)
    suspend(suspended, "unpaid")
    links = [
        "nothing",
        "%00",
        "é",
        new_secret(admin.workspace_id),
        new_secret(WorkspaceFactory().pk),
        ended(revoked_at=timezone.now()),
        ended(accepted_at=timezone.now()),
        ended(expires_at=timezone.now() - timedelta(seconds=1)),
        ended(role=Role.ADMIN),  # above what an admin may give
        of_suspended,
    ]
    answers = set()
    for link in links:
        for browser, method in [(Client(), "get"), (Client(), "post"), (client, "get")]:
            assert browser.get(f"/invitations/open/{link}/").status_code == 302
            answer = getattr(browser, method)(ACCEPT)
            body = re.sub(r'value="\w{64}"', "", answer.text)
            answers.add((browser is client, answer.status_code, body))
    assert {status for _, status, _ in answers} == {404}
    assert len(answers) == 2  # signed in, and not
    assert Client().post("/invitations/mail/").status_code == 404


def test_ones_own_invitations_stand_on_the_page_of_workspaces(client, admin, pat):
    client.post(at("invitation-create", admin), PAT)
    invitation = the_invitation(admin)
    person, other = UserFactory(email="pat@example.test"), UserFactory()
    take = reverse("workspaces:invitation-take", args=[invitation.pk])
    pat.force_login(other)
    assert "Acme" not in pat.get("/workspaces/").text
    assert pat.post(take).status_code == 404

    pat.force_login(person)
    nowhere = pat.get("/workspaces/")
    assert "You are in no workspace yet" in nowhere.text
    assert "Acme" in nowhere.text
    member = MembershipFactory(user=person)
    listed = pat.get("/workspaces/")
    assert page(listed).one(class_="own-invitations").one("strong").text == "Acme"
    assert "Acme" not in pat.get("/workspaces/", headers={"HX-Request": "true"}).text
    assert pat.post(take)["Location"] == admin.workspace.get_absolute_url()
    assert pat.post(take).status_code == 404
    assert roles(admin)["pat@example.test"] == Role.OPERATOR
    assert roles(member)[person.email] == Role.VIEWER


@NO_MAIL
def test_without_mail_the_link_is_the_way(client, admin, pat):
    response = client.post(at("invitation-create", admin), PAT)
    assert "this installation sends no mail" in response.text
    link = shown(response)
    invitation = the_invitation(admin)
    assert client.post(at("invitation-send", admin, invitation.pk)).status_code == 422

    assert "invitation.renew" not in trail(admin)
    renewed = shown(client.post(at("invitation-link", admin, invitation.pk)))
    assert trail(admin)[-1] == "invitation.renew"
    pat.get(link)
    assert pat.get(ACCEPT).status_code == 404  # the one before is void
    pat.get(renewed)
    assert pat.post(ACCEPT, NEWCOMER)["Location"] == admin.workspace.get_absolute_url()
    assert not EmailAddress.objects.get(email="pat@example.test").verified


@NO_MAIL
def test_an_installation_that_lets_no_newcomers_in_says_whom_to_ask(client, admin, pat):
    link = shown(client.post(at("invitation-create", admin), PAT))
    with override_settings(INVITE_NEWCOMERS=False, CONTACT_EMAIL="ops@example.test"):
        pat.get(link)
        answer = pat.get(ACCEPT)
        assert "ops@example.test" in answer.text
        pat.post(ACCEPT, NEWCOMER)
    assert not User.objects.filter(email="pat@example.test").exists()


def test_a_mail_that_cannot_be_sent_changes_nothing(client, admin, monkeypatch):
    from workspaces.views import invitations

    client.post(at("invitation-create", admin), PAT)
    before = the_invitation(admin)

    def refuse(*args):
        raise OSError("no route to host")

    monkeypatch.setattr(invitations, "send", refuse)
    again = client.post(at("invitation-send", admin, before.pk))
    assert again.status_code == 422
    assert "The mail could not be sent" in again.text
    assert bytes(the_invitation(admin).mail_digest) == bytes(before.mail_digest)
    fresh = client.post(at("invitation-create", admin), PAT | {"email": "pia@example.test"})
    assert fresh.status_code == 201
    assert "The mail could not be sent. Hand this link over" in fresh.text
    assert the_invitation(admin).mail_digest is None


def test_sending_again_replaces_the_mailed_link_and_vouches_anew(client, admin, pat):
    client.post(at("invitation-create", admin), PAT)
    other = MembershipFactory(workspace=admin.workspace, role=Role.ADMIN)
    client.force_login(other.user)
    with platform_scope("the inviter leaves"):
        Membership.objects.get(pk=admin.pk).delete()
    listed = client.get(at("invitation-list", admin))
    assert "Does not stand" in listed.text
    pat.get(mailed_link())
    assert pat.get(ACCEPT).status_code == 404

    invitation = the_invitation(admin)
    again = client.post(at("invitation-send", admin, invitation.pk))
    assert "Mailed again" in client.get(again["Location"]).text
    pat.get(mailed_link(0))
    assert pat.get(ACCEPT).status_code == 404
    pat.get(mailed_link())
    assert pat.get(ACCEPT).status_code == 200


def test_a_revoked_invitation_is_void_at_once(client, admin, pat):
    client.post(at("invitation-create", admin), PAT)
    pat.get(mailed_link())
    assert pat.get(ACCEPT).status_code == 200

    invitation = the_invitation(admin)
    assert client.post(at("invitation-revoke", admin, invitation.pk)).status_code == 302
    assert pat.post(ACCEPT, NEWCOMER).status_code == 404
    assert client.post(at("invitation-revoke", admin, invitation.pk)).status_code == 404
    assert trail(admin)[-1] == "invitation.revoke"
    assert client.post(at("invitation-create", admin), PAT).status_code == 201


@pytest.mark.parametrize("role", ["owner", "admin", "", "nobody", "\0"])
def test_nobody_invites_above_or_at_their_own_role(client, admin, role):
    response = client.post(at("invitation-create", admin), PAT | {"role": role})

    assert response.status_code == 422
    assert error_at(response, "role")
    assert mail.outbox == []


@pytest.mark.parametrize(
    "email", ["", "pat", "a@b\0.test", "x" * 300 + "@example.test", "a\n@b.test"]
)
def test_an_address_that_is_none_is_refused(client, admin, email):
    response = client.post(at("invitation-create", admin), PAT | {"email": email})

    assert response.status_code == 422
    assert error_at(response, "email")


def test_members_and_invited_ones_are_not_invited_again(client, admin):
    again = {"email": admin.user.email.upper(), "role": "viewer"}
    assert "is a member already" in client.post(at("invitation-create", admin), again).text
    client.post(at("invitation-create", admin), PAT)
    twice = client.post(at("invitation-create", admin), PAT | {"email": "PAT@example.TEST"})
    assert twice.status_code == 422
    assert "is invited already" in error_at(twice, "email")
    with workspace_scope(admin.workspace_id):  # once it has expired, another one takes its place
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(at("invitation-create", admin), PAT).status_code == 201
    elsewhere = MembershipFactory(role=Role.OWNER)
    client.force_login(elsewhere.user)
    assert client.post(at("invitation-create", elsewhere), PAT).status_code == 201


def test_there_is_an_end_to_pending_invitations_and_to_those_of_an_hour(client, admin, monkeypatch):
    from workspaces.views import invitations

    InvitationFactory.create_batch(
        MOST_OPEN, workspace=admin.workspace, invited_by=admin.user, link_digest=None
    )
    full = client.post(at("invitation-create", admin), PAT)
    assert f"{MOST_OPEN} pending invitations at most" in error_at(full, "email")

    monkeypatch.setitem(invitations.RATE, "config", {"invite": "1/h/key"})
    invitation = the_invitation(admin)
    assert client.post(at("invitation-send", admin, invitation.pk)).status_code == 302
    refused = client.post(at("invitation-send", admin, invitation.pk))
    assert refused.status_code == 422
    assert "within the hour" in refused.text
    assert client.post(at("invitation-link", admin, invitation.pk)).status_code == 422


def test_a_link_is_tried_so_often_and_no_more(client, admin, pat, monkeypatch):
    from workspaces.views import invitation_links

    monkeypatch.setitem(invitation_links.RATES, "accept", "1/m/ip")
    client.post(at("invitation-create", admin), PAT)
    pat.get(mailed_link())
    assert pat.post(ACCEPT, {}).status_code == 422
    assert pat.post(ACCEPT, NEWCOMER).status_code == 429


def test_the_list_takes_the_same_statements_whatever_its_length(client, admin):
    client.get(admin.workspace.get_absolute_url())
    counts = []
    for more in (3, 27):
        InvitationFactory.create_batch(more, workspace=admin.workspace)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(at("invitation-list", admin)).status_code == 200
        counts.append(len([q for q in queries if "SAVEPOINT" not in q["sql"]]))
    assert counts[0] == counts[1] <= 12


def test_a_suspended_workspace_invites_nobody(client, admin):
    InvitationFactory(workspace=admin.workspace, invited_by=admin.user)
    suspend(admin.workspace, "unpaid")

    listed = client.get(at("invitation-list", admin))
    assert page(listed).one("main").all("form") == []
    assert client.post(at("invitation-create", admin), PAT).status_code == 403


def test_a_mail_names_its_own_workspace_only(client, admin):
    """Vector 34: it is rendered in the scope of the invitation's workspace."""
    globex = MembershipFactory(role=Role.OWNER, user=admin.user, workspace__name="Globex")
    client.get(globex.workspace.get_absolute_url())  # the session now remembers another one
    client.post(at("invitation-create", admin), PAT)

    assert "Acme" in mail.outbox[0].body
    assert "Globex" not in mail.outbox[0].body + mail.outbox[0].subject


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u00ad"])
def test_an_address_that_reads_as_another_is_refused(client, admin, hidden):
    client.force_login(admin.user)
    address = reverse("workspaces:invitation-create", args=[admin.workspace.slug])

    answer = client.post(address, PAT | {"email": f"pat@example.test{hidden}"})

    assert answer.status_code == 422
    with workspace_scope(admin.workspace_id):
        assert not Invitation.objects.exists()
