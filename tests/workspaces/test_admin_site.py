"""What platform staff do in the admin site, and what it tells them when it is refused."""

import re
from smtplib import SMTPException

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.addresses import addresses
from tests.factories import MembershipFactory, ProjectFactory, UserFactory, WorkspaceFactory
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope

WORKSPACES = reverse("admin:workspaces_workspace_changelist")
ADD_WORKSPACE = reverse("admin:workspaces_workspace_add")
PEOPLE = reverse("admin:accounts_user_changelist")
ADD_PERSON = reverse("admin:accounts_user_add")
NEW = {"name": "Acme", "slug": "acme", "colour": "teal", "owner_email": "ann@acme.test"}
LINK = re.compile(r'id="link"[^>]*value="([^"]+)"')


@pytest.fixture
def staff(client, db):
    client.force_login(UserFactory(email="staff@platform.test", is_staff=True))
    return client


@pytest.fixture
def acme(db):
    """A workspace whose only owner is ann."""
    return WorkspaceFactory(name="Acme", slug="acme")


def page_of(thing):
    name = "accounts_user" if isinstance(thing, User) else "workspaces_workspace"
    return reverse(f"admin:{name}_change", args=[thing.pk])


def members_form(workspace, *rows):
    """Return what the page sends: the workspace's fields, and a row for each membership."""
    sent = {"name": workspace.name, "colour": workspace.colour, "suspension_reason": ""}
    sent |= {"max_running_tasks": "4", "max_queued_tasks": "1000"}
    sent |= {
        "memberships-TOTAL_FORMS": str(len(rows)),
        "memberships-INITIAL_FORMS": str(sum(1 for row in rows if row.get("id"))),
    }
    for number, row in enumerate(rows):
        for name, value in {"workspace": workspace.pk, **row}.items():
            sent[f"memberships-{number}-{name}"] = str(value)
    return sent


def row_of(membership, **changes):
    return {"id": membership.pk, "user": membership.user_id, "role": membership.role} | changes


def members_of(workspace):
    with platform_scope("look"):
        members = Membership.objects.filter(workspace=workspace)
        return {member.user.email: member.role for member in members.select_related("user")}


def membership_of(workspace, email):
    with platform_scope("look"):
        return Membership.objects.get(workspace=workspace, user__email=email)


def again(thing):
    with platform_scope("look"):
        return type(thing).objects.get(pk=thing.pk)


# Who gets in


def test_nobody_else_is_let_in(client, db):
    client.force_login(MembershipFactory(role=Role.OWNER).user)

    assert client.get("/admin/").status_code == 404
    assert client.post(ADD_WORKSPACE, NEW).status_code == 404
    with platform_scope("look"):
        assert not Workspace.objects.filter(slug="acme").exists()


def test_strangers_are_led_to_sign_in_and_back(client, db):
    response = client.get(WORKSPACES)

    assert response.status_code == 302
    assert response["Location"] == f"{reverse('account_login')}?next={WORKSPACES}"


def test_staff_who_are_no_longer_staff_are_out_at_once(staff):
    assert staff.get("/admin/").status_code == 200
    with platform_scope("take it away"):
        User.objects.filter(email="staff@platform.test").update(is_staff=False)

    assert staff.get("/admin/").status_code == 404


def test_the_admin_site_has_no_sign_in_or_password_of_its_own(staff):
    for name, leads_to in [
        ("login", "account_login"),
        ("logout", "account_logout"),
        ("password_change", "account_change_password"),
    ]:
        for ask in (staff.get, staff.post):
            response = ask(reverse(f"admin:{name}"))
            assert response["Location"] == reverse(leads_to)


# Every address


def test_no_address_of_the_admin_site_fails(staff, acme):
    """Own, absent and senseless ids, read and sent to: refused or not found, never an error."""
    person = UserFactory()
    ids = [str(acme.pk), str(person.pk), "00000000-0000-7000-8000-000000000000", "1", "%00", "x/y"]
    asked = 0
    allowed = {200, 302, 403, 404, 405}
    for address in addresses():
        if not address.in_admin_site:
            continue
        route = re.sub(r"\^?\(\?P<\w+>[^)]*\)/?\$", "accounts/", address.route)
        for key in ids if "<path:" in route else [""]:
            path = "/" + re.sub(r"<path:\w+>", key, route)
            for ask in (staff.get, staff.post):
                response = ask(path)
                assert response.status_code in allowed, (path, response.status_code)
                assert response["Cache-Control"] == "private, no-store", path
                asked += 1
    assert asked > 100


@pytest.mark.parametrize(
    "query", ["?q=a%00b", "?p=99999", "?o=1.2.-9", "?e=1", "?all=", "?is_active__exact=2"]
)
def test_no_query_of_a_list_fails(staff, acme, query):
    for path in (WORKSPACES, PEOPLE):
        assert staff.get(path + query).status_code in (200, 302, 400)


# Provisioning


def test_a_workspace_is_provisioned_with_a_new_owner_in_one_form(staff, client):
    response = staff.post(ADD_WORKSPACE, NEW | {"owner_email": "Ann@Acme.test"})

    assert response.status_code == 200
    with platform_scope("look"):
        workspace = Workspace.objects.get(slug="acme")
    assert (workspace.name, workspace.colour) == ("Acme", "teal")
    assert members_of(workspace) == {"ann@acme.test": "owner"}
    (link,) = LINK.findall(response.text)
    (sent,) = mail.outbox
    assert sent.to == ["ann@acme.test"]
    assert link in sent.body
    client.logout()
    page = client.get(link, follow=True)
    password = {"password1": "correct horse battery", "password2": "correct horse battery"}
    client.post(page.request["PATH_INFO"], password)
    assert client.get("/w/acme/").status_code == 200


def test_the_link_is_shown_once_and_works_once(staff, client):
    response = staff.post(ADD_WORKSPACE, NEW)
    (link,) = LINK.findall(response.text)
    with platform_scope("look"):
        ann = User.objects.get(email="ann@acme.test")
        workspace = Workspace.objects.get(slug="acme")

    for page in (WORKSPACES, PEOPLE, page_of(ann), page_of(workspace)):
        assert link.split("/")[-2] not in staff.get(page).text
    client.logout()
    page = client.get(link, follow=True)
    password = {"password1": "correct horse battery", "password2": "correct horse battery"}
    client.post(page.request["PATH_INFO"], password)
    client.logout()
    assert "no longer works" in client.get(link, follow=True).text


def test_an_owner_who_has_an_account_gets_no_link(staff):
    ann = UserFactory(email="ann@acme.test", password="correct horse battery")

    response = staff.post(ADD_WORKSPACE, NEW, follow=True)

    assert response.redirect_chain
    assert not LINK.findall(response.text)
    assert not mail.outbox
    assert again(ann).check_password("correct horse battery")
    assert membership_of(Workspace(pk=slug_id("acme")), "ann@acme.test").role == Role.OWNER


def slug_id(slug):
    with platform_scope("look"):
        return Workspace.objects.get(slug=slug).pk


def test_a_link_that_cannot_be_mailed_is_still_shown(staff, monkeypatch):
    def refuse(*args, **kwargs):
        raise SMTPException("no such relay")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    response = staff.post(ADD_WORKSPACE, NEW)

    assert response.status_code == 200
    assert LINK.findall(response.text)
    assert "could not be mailed" in response.text


def test_without_mail_nobody_is_told_that_a_link_was_mailed(staff, monkeypatch):
    # The tests' own backend stands for one that mails: only what the settings say is changed.
    monkeypatch.setattr("workspaces.admin.mail_is_set_up", lambda: False)
    response = staff.post(ADD_WORKSPACE, NEW)

    assert LINK.findall(response.text)
    assert "This installation sends no mail: pass it on yourself." in response.text
    assert "mailed" not in response.text
    assert not mail.outbox


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"slug": "taken"}, "slug", "already exists"),
        ({"slug": "Not A Slug"}, "slug", "lower-case"),
        ({"slug": "a" * 41}, "slug", "40"),
        ({"slug": "a\0b"}, "slug", "Null characters"),
        ({"slug": ""}, "slug", "required"),
        ({"name": ""}, "name", "required"),
        ({"name": "A" * 61}, "name", "60"),
        ({"name": "A\0B"}, "name", "Null characters"),
        ({"colour": "beige"}, "colour", "not one of the available choices"),
        ({"owner_email": "ann"}, "owner_email", "valid email"),
        ({"owner_email": "a\0@acme.test"}, "owner_email", "Null characters"),
        ({"owner_email": f"ann@{'.'.join(['a' * 60] * 5)}.test"}, "owner_email", "254"),
        ({"owner_email": "closed@acme.test"}, "owner_email", "deactivated"),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_nothing_is_made(staff, changed, field, reason):
    WorkspaceFactory(slug="taken")
    UserFactory(email="closed@acme.test", is_active=False)
    with platform_scope("look"):
        people = User.objects.count()

    response = staff.post(ADD_WORKSPACE, NEW | changed)

    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert reason in " ".join(errors[field])
    with platform_scope("look"):
        assert Workspace.objects.count() == 1
        assert User.objects.count() == people
    assert not mail.outbox


def test_a_slug_that_somebody_took_meanwhile_is_told(staff, monkeypatch):
    def not_yet_taken(workspace, exclude=None):
        return None

    WorkspaceFactory(slug="acme")
    monkeypatch.setattr(Workspace, "validate_unique", not_yet_taken)

    response = staff.post(ADD_WORKSPACE, NEW, follow=True)

    assert response.status_code == 200
    assert "Nothing was changed" in response.text
    with platform_scope("look"):
        assert not User.objects.filter(email="ann@acme.test").exists()
    assert not mail.outbox


# Workspaces


def test_a_workspace_is_renamed_and_its_slug_stays(staff, acme):
    owner = membership_of(acme, "owner@acme.example.test")
    sent = members_form(acme, row_of(owner)) | {"name": "Acme Ltd", "slug": "other"}

    assert staff.post(page_of(acme), sent).status_code == 302

    assert (again(acme).name, again(acme).slug) == ("Acme Ltd", "acme")


def test_a_workspace_is_never_deleted_here(staff, acme):
    delete = reverse("admin:workspaces_workspace_delete", args=[acme.pk])

    assert staff.post(delete, {"post": "yes"}).status_code == 403
    many = {"action": "delete_selected", "_selected_action": [str(acme.pk)], "post": "yes"}
    staff.post(WORKSPACES, many)
    assert again(acme)


def test_suspension_acts_on_the_next_request_and_is_lifted_again(staff, acme):
    ann = MembershipFactory(workspace=acme, role=Role.ADMIN).user
    member = Client()
    member.force_login(ann)
    rows = [row_of(membership_of(acme, email)) for email in members_of(acme)]
    sent = members_form(acme, *rows) | {"suspended": "on", "suspension_reason": "Unpaid bills"}

    assert staff.post(page_of(acme), sent).status_code == 302

    page = member.get("/w/acme/projects/")
    assert (page.status_code, "Unpaid bills" in page.text) == (200, True)
    assert member.post("/w/acme/projects/new/", {"name": "Kite"}).status_code == 403

    since = again(acme).suspended_at
    sent["suspension_reason"] = "Unpaid bills of May"
    staff.post(page_of(acme), sent)
    assert again(acme).suspended_at == since  # a new reason is no new suspension

    del sent["suspended"]
    assert staff.post(page_of(acme), sent).status_code == 302
    assert not again(acme).is_suspended
    assert again(acme).suspension_reason == ""
    assert member.post("/w/acme/projects/new/", {"name": "Kite"}).status_code == 302


def test_ownership_is_handed_on_in_one_go(staff, acme):
    """The page lists members by email, so the owner's row comes before the next owner's."""
    owner = membership_of(acme, "owner@acme.example.test")
    heir = MembershipFactory(workspace=acme, user=UserFactory(email="zoe@acme.test"))

    for old, new in [(owner, heir), (heir, owner)]:
        rows = [row_of(old, role="admin"), row_of(new, role="owner")]
        assert staff.post(page_of(acme), members_form(acme, *rows)).status_code == 302
        assert (again(old).role, again(new).role) == ("admin", "owner")
    rows = [row_of(owner, DELETE="on"), row_of(heir, role="owner")]
    assert staff.post(page_of(acme), members_form(acme, *rows)).status_code == 302
    assert members_of(acme) == {"zoe@acme.test": "owner"}


def test_members_are_added_promoted_and_removed(staff, acme):
    owner = membership_of(acme, "owner@acme.example.test")
    gone = MembershipFactory(workspace=acme, user=UserFactory(email="gone@acme.test"))
    new = UserFactory(email="new@acme.test")
    sent = members_form(
        acme,
        row_of(owner, role="admin"),
        row_of(gone, DELETE="on"),
        {"id": "", "user": new.pk, "role": "owner"},
    )

    response = staff.post(page_of(acme), sent)

    assert response.status_code == 302
    assert members_of(acme) == {"owner@acme.example.test": "admin", "new@acme.test": "owner"}


@pytest.mark.parametrize("change", [{"role": "admin"}, {"DELETE": "on"}])
def test_the_last_owner_stays(staff, acme, change):
    owner = membership_of(acme, "owner@acme.example.test")

    response = staff.post(page_of(acme), members_form(acme, row_of(owner, **change)))

    assert response.status_code == 200
    assert "A workspace always has an owner" in response.text
    assert members_of(acme) == {"owner@acme.example.test": "owner"}


def test_an_owner_whose_account_is_closed_does_not_count(staff, acme):
    owner = membership_of(acme, "owner@acme.example.test")
    closed = UserFactory(is_active=False)
    sent = members_form(
        acme, row_of(owner, role="admin"), {"id": "", "user": closed.pk, "role": "owner"}
    )

    assert "active account" in staff.post(page_of(acme), sent).text
    assert members_of(acme) == {"owner@acme.example.test": "owner"}


def test_a_person_is_a_member_once(staff, acme):
    owner = membership_of(acme, "owner@acme.example.test")
    sent = members_form(acme, row_of(owner), {"id": "", "user": owner.user_id, "role": "viewer"})

    response = staff.post(page_of(acme), sent)

    assert response.status_code == 200
    assert members_of(acme) == {"owner@acme.example.test": "owner"}


def test_a_membership_of_another_workspace_cannot_be_changed_from_this_page(staff, acme):
    theirs = MembershipFactory(workspace=WorkspaceFactory(name="Globex"), role=Role.VIEWER)
    owner = membership_of(acme, "owner@acme.example.test")
    sent = members_form(acme, row_of(owner), row_of(theirs, role="owner"))
    sent["memberships-INITIAL_FORMS"] = "2"

    assert staff.post(page_of(acme), sent).status_code in (200, 302)

    assert again(theirs).role == Role.VIEWER
    assert members_of(acme) == {"owner@acme.example.test": "owner"}


# People


def test_an_account_is_made_with_a_link(staff):
    response = staff.post(ADD_PERSON, {"email": "Ann@Acme.test", "name": "Ann"})

    assert LINK.findall(response.text)
    with platform_scope("look"):
        ann = User.objects.get(email="ann@acme.test")
    assert (ann.name, ann.is_staff, ann.has_usable_password()) == ("Ann", False, False)


def test_an_account_is_not_made_twice(staff):
    ann = UserFactory(email="ann@acme.test", name="Ann", password="correct horse battery")

    response = staff.post(ADD_PERSON, {"email": "ANN@acme.test", "name": "Someone else"})

    assert list(response.context["adminform"].form.errors) == ["email"]
    assert not LINK.findall(response.text)
    assert again(ann).name == "Ann"


def test_an_email_stays_as_it_is(staff):
    ann = UserFactory(email="ann@acme.test")

    staff.post(page_of(ann), {"email": "thief@acme.test", "name": "Ann", "is_active": "on"})

    assert (again(ann).email, again(ann).name) == ("ann@acme.test", "Ann")


def test_a_deactivated_person_is_out_at_the_next_request(staff):
    member = MembershipFactory(role=Role.VIEWER)
    browser = Client()
    browser.force_login(member.user)
    home = member.workspace.get_absolute_url()
    assert browser.get(home).status_code == 200

    assert staff.post(page_of(member.user), {"name": "Ann"}).status_code == 302

    response = browser.get(home)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_the_last_owner_of_a_workspace_cannot_be_deactivated(staff, acme):
    owner = membership_of(acme, "owner@acme.example.test").user_id
    with platform_scope("look"):
        owner = User.objects.get(pk=owner)

    response = staff.post(page_of(owner), {"name": "Renamed"}, follow=True)

    assert response.status_code == 200
    assert "Nothing was changed: a workspace always has an owner." in response.text
    assert again(owner).is_active
    assert again(owner).name != "Renamed"


def test_staff_cannot_take_their_own_standing(staff):
    with platform_scope("look"):
        me = User.objects.get(email="staff@platform.test")

    staff.post(page_of(me), {"name": "Me"})

    assert again(me).is_active
    assert again(me).is_staff


def test_no_page_shows_or_changes_a_password(staff):
    ann = UserFactory(password="correct horse battery")
    hashed = again(ann).password

    assert hashed not in staff.get(page_of(ann)).text
    staff.post(page_of(ann), {"name": "Ann", "is_active": "on", "password": "stolen"})

    assert again(ann).password == hashed


def test_a_new_link_is_for_one_active_person_without_a_password(staff):
    fresh, other = UserFactory(email="fresh@acme.test"), UserFactory()
    known = UserFactory(password="correct horse battery")
    closed = UserFactory(is_active=False)

    def ask(*people):
        chosen = [str(person.pk) for person in people]
        return staff.post(PEOPLE, {"action": "new_link", "_selected_action": chosen}, follow=True)

    assert LINK.findall(ask(fresh).text)
    for people in ([known], [closed], [fresh, other]):
        response = ask(*people)
        assert not LINK.findall(response.text)
        assert "Choose one active person" in response.text
    assert [message.to for message in mail.outbox] == [["fresh@acme.test"]]


# What is written down


def test_what_staff_do_is_in_the_admin_sites_own_log(staff, acme):
    owner = membership_of(acme, "owner@acme.example.test")
    staff.post(page_of(acme), members_form(acme, row_of(owner)) | {"name": "Acme Ltd"})

    with platform_scope("look"):
        entry = LogEntry.objects.get()
        assert entry.user.email == "staff@platform.test"
        assert entry.object_id == str(acme.pk)
    history = reverse("admin:workspaces_workspace_history", args=[acme.pk])
    assert "Changed Name" in staff.get(history).text


def test_the_fleet_is_nowhere(staff, acme):
    ProjectFactory(workspace=acme, name="Kestrel inside")

    for path in (WORKSPACES, PEOPLE, page_of(acme), "/admin/", f"{PEOPLE}?q=Kestrel"):
        page = staff.get(path).text
        assert "Kestrel inside" not in page
        assert "project" not in page.lower()
