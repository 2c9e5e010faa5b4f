"""A workspace that requires a second factor: who is kept out, of what, and for how long."""

import pytest
from allauth.mfa.models import Authenticator
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory, UserFactory
from tests.pages import page
from tests.second_factors import give_app, give_recovery_codes
from workspaces.middleware import WorkspaceMiddleware
from workspaces.models import Membership, Workspace
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import (
    NotAMember,
    SecondFactorMissing,
    member_scope,
    open_scope,
    person_scope,
    platform_scope,
    workspace_scope,
)

REQUIRED = "/second-factor-required/"


def require(workspace, required=True):
    with workspace_scope(workspace.pk):
        Workspace.objects.filter(pk=workspace.pk).update(requires_second_factor=required)


@pytest.fixture
def mine(db):
    membership = MembershipFactory(role=Role.ADMIN)
    require(membership.workspace)
    return membership


@pytest.fixture
def me(client, mine):
    client.force_login(mine.user)
    return client


def path_of(mine, rest=""):
    return f"/w/{mine.workspace.slug}/{rest}"


@pytest.mark.parametrize("rest", ["", "projects/", "members/", "settings/", "leave/", "nothing/"])
def test_reading_leads_to_where_one_is_set_up(me, mine, rest):
    response = me.get(path_of(mine, rest))

    assert (response.status_code, response["Location"]) == (
        302,
        f"{REQUIRED}?workspace={mine.workspace.slug}",
    )
    shown = me.get(response["Location"])
    assert shown.status_code == 200
    assert page(shown).one("h1").text == f"{mine.workspace.name} requires a second factor"
    assert page(shown).one("main").one("a", class_="primary")["href"] == "/account/second-factor/"


def test_writing_changes_nothing(me, mine):
    response = me.post(path_of(mine, "projects/new/"), {"name": "Harrier"})

    assert response.status_code == 302
    assert response["Location"].startswith(REQUIRED)
    with workspace_scope(mine.workspace_id):
        assert not Project.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_fragment_leads_the_whole_page_there(me, mine, method):
    response = getattr(me, method)(path_of(mine, "projects/"), headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert response["HX-Redirect"] == f"{REQUIRED}?workspace={mine.workspace.slug}"
    assert response.text == ""


def test_there_is_no_loop_and_the_start_page_leads_back_once_there_is_one(me, mine):
    start = me.get("/", follow=True)
    assert [url for url, _status in start.redirect_chain] == [
        path_of(mine),
        f"{REQUIRED}?workspace={mine.workspace.slug}",
    ]

    give_app(mine.user)

    back = me.get("/", follow=True)
    assert [url for url, _status in back.redirect_chain] == [path_of(mine)]
    again = me.get(f"{REQUIRED}?workspace={mine.workspace.slug}")
    assert (again.status_code, again["Location"]) == (302, path_of(mine))


def test_recovery_codes_are_not_enough(me, mine):
    give_recovery_codes(mine.user)

    assert me.get(path_of(mine)).status_code == 302


def test_whoever_removes_their_last_one_is_out_at_the_next_request(me, mine):
    give_app(mine.user)
    assert me.get(path_of(mine)).status_code == 200

    Authenticator.objects.filter(user=mine.user).delete()

    assert me.get(path_of(mine)).status_code == 302


def test_other_workspaces_are_not_affected(me, mine):
    other = MembershipFactory(user=mine.user, role=Role.OPERATOR)
    ProjectFactory(workspace=other.workspace, name="Kestrel")

    assert me.get(f"/w/{other.workspace.slug}/projects/").status_code == 200
    shown = page(me.get("/workspaces/")).one("main").text
    assert mine.workspace.name in shown
    assert other.workspace.name in shown


def test_other_members_are_not_affected(client, mine):
    other = MembershipFactory(workspace=mine.workspace)
    give_app(other.user)
    client.force_login(other.user)

    assert client.get(path_of(mine)).status_code == 200


def test_strangers_are_told_nothing(client, mine):
    stranger = UserFactory()
    client.force_login(stranger)

    assert client.get(path_of(mine)).status_code == 404
    foreign = client.get(f"{REQUIRED}?workspace={mine.workspace.slug}")
    absent = client.get(f"{REQUIRED}?workspace=nowhere")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert mine.workspace.name not in foreign.text


@pytest.mark.parametrize("slug", ["", "%00", "a'b", "%F0%9F%A6%89"])
def test_odd_addresses_of_the_page(me, slug):
    assert me.get(f"{REQUIRED}?workspace={slug}").status_code in (302, 404)


def test_it_is_still_one_statement(mine):
    for has_one in (False, True):
        if has_one:
            give_app(mine.user)
        with CaptureQueriesContext(connection) as queries:
            try:
                with member_scope(mine.workspace.slug, mine.user_id):
                    pass
            except SecondFactorMissing:
                assert not has_one
        sent = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
        assert "workspaces.enter(" in sent[0]
        assert all("set_config" in sql for sql in sent[1:]), sent


def test_whoever_is_kept_out_has_entered_nothing_in_the_database_either(mine):
    """The exception is the second guard: row security is not told the workspace."""
    with pytest.raises(NotAMember):
        member_scope(mine.workspace.slug, mine.user_id).__enter__()

    assert open_scope() is None
    with person_scope(mine.user_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT second_factor_missing FROM workspaces.enter(%s, %s)",
            [mine.workspace.slug, mine.user_id],
        )
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT current_setting('agenhood.workspace_id', true)")
        assert not cursor.fetchone()[0]


def test_a_suspended_workspace_keeps_them_out_as_well(me, mine):
    suspend(mine.workspace, "unpaid bill")

    assert me.get(path_of(mine))["Location"].startswith(REQUIRED)
    give_app(mine.user)
    assert me.get(path_of(mine)).status_code == 200
    assert me.post(path_of(mine, "projects/new/"), {"name": "Harrier"}).status_code == 403


# --- open streams --------------------------------------------------------------------------------


def names():
    yield b""
    for position in range(2):
        yield Project.objects.order_by("name")[position].name.encode()


async def names_async():
    yield b""
    async for project in Project.objects.order_by("name"):
        yield project.name.encode()


@pytest.fixture
def streaming(db):
    """Return a member, and a function that opens a stream of theirs."""
    mine = MembershipFactory(role=Role.OPERATOR)
    for name in ("Goshawk", "Harrier"):
        ProjectFactory(workspace=mine.workspace, name=name)

    def run(made):
        request = RequestFactory().get(path_of(mine))
        request.session, request.htmx, request.user = SessionStore(), True, mine.user
        login(request, mine.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        request.session.save()
        return WorkspaceMiddleware(lambda _request: StreamingHttpResponse(made()))(request)

    return mine, run


def demote(mine):
    with platform_scope("test"):
        Membership.objects.filter(pk=mine.pk).update(role=Role.VIEWER)


def remove(mine):
    with platform_scope("test"):
        Membership.objects.filter(pk=mine.pk).delete()


@pytest.mark.parametrize("act", [demote, remove, lambda mine: require(mine.workspace)])
def test_an_open_stream_ends(streaming, act):
    mine, run = streaming
    chunks = iter(run(names).streaming_content)
    assert [next(chunks), next(chunks)] == [b"", b"Goshawk"]

    act(mine)

    assert list(chunks) == []


@pytest.mark.parametrize("act", [demote, remove, lambda mine: require(mine.workspace)])
def test_an_open_async_stream_ends(streaming, act):
    mine, run = streaming
    response = run(names_async)

    async def read():
        chunks = aiter(response.streaming_content)
        first = [await anext(chunks), await anext(chunks)]
        await sync_to_async(act)(mine)
        return first, [chunk async for chunk in chunks]

    assert async_to_sync(read)() == ([b"", b"Goshawk"], [])


def test_the_stream_of_somebody_with_a_second_factor_goes_on(streaming):
    mine, run = streaming
    give_app(mine.user)
    chunks = iter(run(names).streaming_content)
    next(chunks)

    require(mine.workspace)

    assert list(chunks) == [b"Goshawk", b"Harrier"]


# --- platform staff ------------------------------------------------------------------------------


@pytest.fixture
def staff(db):
    client = Client()
    person = UserFactory(is_staff=True)
    client.force_login(person)
    return person, client


def test_staff_may_be_required_to_have_one(staff, settings):
    person, client = staff
    assert client.get("/admin/").status_code == 200
    settings.AGENHOOD_STAFF_SECOND_FACTOR = "required"

    response = client.get("/admin/")

    assert (response.status_code, response["Location"]) == (302, REQUIRED)
    assert page(client.get(REQUIRED)).one("h1").text == "The platform's staff need a second factor"
    give_app(person)
    assert client.get("/admin/").status_code == 200
    assert client.get(REQUIRED)["Location"] == "/"


def test_others_are_not_asked_for_the_admin_site(client, db, settings):
    settings.AGENHOOD_STAFF_SECOND_FACTOR = "required"
    client.force_login(UserFactory())

    assert client.get("/admin/").status_code == 404
    assert client.get(REQUIRED)["Location"] == reverse("home")
