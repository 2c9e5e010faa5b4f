"""Who gets what at every address: address, method, role, and whose object.

The addresses come from the resolver, so a new one fails here until it has a row. The rows spell out
who may, once more and on their own: they do not ask the permissions that they check.

Two workspaces, acme and globex, hold the same kinds of things. Whoever may not is told the same of
a thing that exists elsewhere as of one that exists nowhere, and changes nothing anywhere.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests import postgres
from tests.addresses import Address, addresses
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from tests.isolation.stored import BOOKKEEPING, TRAIL, Watched, trail, watched, workspaces_of
from tests.isolation.url_rows import ROWS, things
from tests.isolation.url_rows.row import MEMBERS, Row, Things
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope

pytestmark = pytest.mark.xdist_group("url_table")  # all of it shares one set of data

# `both` is an admin in acme and the owner of globex; `stranger` an owner of globex only. `removed`
# was a member of acme, and `staff` provisions workspaces without being in one.
NO_MEMBERS = ["stranger", "outsider", "staff", "removed"]
SIGNED_OUT = ["anonymous", "deactivated"]
PEOPLE = [*MEMBERS, "both", *NO_MEMBERS, *SIGNED_OUT]
# Whose request comes as far as looking for a thing, and one each of those whose does not.
LOOKING = [*MEMBERS, "both", "stranger", "anonymous"]
METHODS = ["GET", "HEAD", "POST", "DELETE"]
# HEAD is what GET is, and DELETE nobody may: that is asked of one of each kind of people.
ASKED_ALL = {"owner", "viewer", "stranger", "anonymous"}


@dataclass(frozen=True)
class OutsideRow:
    """A page outside any workspace: (GET, POST) for somebody signed in, and signed out."""

    name: str
    signed_in: tuple[int, int]
    signed_out: tuple[int, int]
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.name


# 302 for somebody signed out is the way to sign-in; empty forms are refused. Nobody here has a
# password, so allauth has them set one instead of asking for it.
TO_SIGN_IN = (302, 302)
OUTSIDE_ROWS = [
    OutsideRow("home", (302, 405), TO_SIGN_IN),
    OutsideRow("workspaces:list", (200, 405), TO_SIGN_IN),
    OutsideRow("accounts:detail", (200, 422), TO_SIGN_IN),
    OutsideRow("accounts:session-end", (405, 404), TO_SIGN_IN, args=(2**31 - 1,)),
    OutsideRow("accounts:sessions-end-others", (405, 302), TO_SIGN_IN),
    OutsideRow("account_login", (302, 302), (200, 200)),
    OutsideRow("account_logout", (200, 302), (302, 302)),
    OutsideRow("account_signup", (302, 302), (200, 200)),
    OutsideRow("account_inactive", (200, 405), (200, 405)),
    OutsideRow("account_reauthenticate", (403, 403), TO_SIGN_IN),
    OutsideRow("account_change_password", (302, 302), TO_SIGN_IN),
    OutsideRow("account_set_password", (200, 200), TO_SIGN_IN),
    OutsideRow("account_reset_password", (200, 200), (200, 200)),
    OutsideRow("account_reset_password_done", (200, 405), (200, 405)),
    OutsideRow("account_reset_password_from_key", (200, 200), (200, 200), args=("1", "none")),
    OutsideRow("account_reset_password_from_key_done", (200, 405), (200, 405)),
    OutsideRow("api-docs", (200, 405), TO_SIGN_IN),
    OutsideRow("api-document", (200, 405), (200, 405)),
    OutsideRow("offline", (200, 405), (200, 405)),
    OutsideRow("service-worker", (200, 405), (200, 405)),
    OutsideRow("mfa_login_webauthn", (302, 302), (302, 302)),
    OutsideRow("mfa_authenticate", (302, 302), TO_SIGN_IN),
    OutsideRow("oidc-start", (405, 404), (405, 404)),
    OutsideRow("openid_connect_callback", (404, 405), (404, 405)),
    OutsideRow("mfa_reauthenticate", (403, 403), TO_SIGN_IN),
    OutsideRow("mfa_reauthenticate_webauthn", (403, 403), TO_SIGN_IN),
    OutsideRow("mfa_index", (200, 405), TO_SIGN_IN),
    OutsideRow("mfa_activate_totp", (200, 200), TO_SIGN_IN),
    OutsideRow("mfa_deactivate_totp", (404, 404), TO_SIGN_IN),
    OutsideRow("mfa_add_webauthn", (200, 200), TO_SIGN_IN),
    OutsideRow("mfa_edit_webauthn", (404, 404), TO_SIGN_IN, args=(2**31 - 1,)),
    OutsideRow("mfa_remove_webauthn", (404, 404), TO_SIGN_IN, args=(2**31 - 1,)),
    OutsideRow("mfa_view_recovery_codes", (404, 405), TO_SIGN_IN),
    OutsideRow("mfa_generate_recovery_codes", (200, 200), TO_SIGN_IN),
    OutsideRow("workspaces:second-factor-required", (302, 405), TO_SIGN_IN),
    OutsideRow("workspaces:invitation-open", (302, 405), (302, 405), args=("nothing",)),
    OutsideRow("workspaces:invitation-accept", (404, 404), (404, 404)),
    OutsideRow("workspaces:invitation-mail", (405, 404), (405, 404)),
    OutsideRow("workspaces:invitation-switch", (405, 302), (405, 302)),
    OutsideRow("workspaces:invitation-take", (405, 404), TO_SIGN_IN, args=(uuid4(),)),
]

ADDRESSES = addresses()


class World:
    """acme and globex with everybody in them, and a browser for each person."""

    acme: Workspace
    globex: Workspace
    people: dict[str, User]
    clients: dict[str, Client]
    things: dict[str, Things]  # "own" and "foreign"
    built: set[tuple[str, str]]
    cookies: dict[str, Any]

    def __init__(self, watched: Watched) -> None:
        self.superuser = watched.connection
        self.watched = watched
        self.acme = WorkspaceFactory(name="Acme", slug="acme")
        self.globex = WorkspaceFactory(name="Globex", slug="globex")
        self.people = {
            name: UserFactory(email=f"{name}@people.test", name=name)
            for name in PEOPLE
            if name != "anonymous"
        }
        self.people["staff"] = UserFactory(email="staff@people.test", is_staff=True)
        for role in MEMBERS:
            self.join(self.acme, role, Role(role))
        self.join(self.acme, "both", Role.ADMIN)
        self.join(self.globex, "both", Role.OWNER)
        self.join(self.globex, "stranger", Role.OWNER)
        past = self.join(self.acme, "removed", Role.OWNER)
        self.join(self.acme, "deactivated", Role.OWNER)
        self.things = {"own": things(self.acme), "foreign": things(self.globex)}
        self.clients = {name: Client() for name in PEOPLE}
        for name, person in self.people.items():
            self.clients[name].force_login(person)
        for name in [*MEMBERS, "both", "removed", "deactivated"]:
            # From here on the session remembers acme, and further visits write nothing into it.
            assert self.clients[name].get(self.acme.get_absolute_url()).status_code == 200
        with platform_scope("the test removes one and deactivates another"):
            past.delete()
            User.objects.filter(email="deactivated@people.test").update(is_active=False)
        self.built = self.stored()
        self.cookies = {name: deepcopy(client.cookies) for name, client in self.clients.items()}

    def join(self, workspace: Workspace, name: str, role: Role) -> Membership:
        return MembershipFactory(workspace=workspace, user=self.people[name], role=role)

    def address(self, row: Row, which: str, slug: str = "acme", own: int = 0) -> str:
        """`which` is what of: "own", "foreign", "absent". The first `own` things are acme's own."""
        ids = self.things.get(which, {})
        named = [ids.get(kind) or uuid4() for kind in row.kinds]
        named[:own] = [self.things["own"][kind] for kind in row.kinds[:own]]
        return reverse(row.name, args=[slug, *named, *row.args])

    def sent(self, row: Row) -> dict[str, Any]:
        return row.sent(self.things["own"]) if callable(row.sent) else row.sent

    def ask(
        self, person: str, method: str, address: str, sent: dict[str, str], **more: Any
    ) -> HttpResponse:
        if method == "POST":
            more["data"] = sent
        answer: HttpResponse = getattr(self.clients[person], method.lower())(address, **more)
        return answer

    def stored(self) -> set[tuple[str, str]]:
        """Return what is stored, but for the audit trail: see trail()."""
        return self.watched.stored(but=BOOKKEEPING | TRAIL)

    def trail(self) -> list[tuple[str, ...]]:
        """Return (slug, actor, action, outcome) of what is on the trails since the last restore."""
        return trail(self.superuser)

    def restore(self) -> None:
        self.watched.restore(self.built, but=BOOKKEEPING | TRAIL)
        for name, cookies in self.cookies.items():
            self.clients[name].cookies = deepcopy(cookies)


@pytest.fixture(scope="module")
def shared_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stack.callback(postgres.empty_database)
        stack.callback(connections.close_all)
        superuser = stack.enter_context(postgres.superuser())
        yield World(stack.enter_context(watched(superuser)))


@pytest.fixture
def world(shared_world: World) -> World:
    """The shared data, as it was built, whatever the test before did to it."""
    shared_world.restore()
    connection.queries_log.clear()  # it is full one day, and then says so
    return shared_world


def comparable(response: HttpResponse) -> tuple[int, str, dict[str, str]]:
    """Return what somebody learns from an answer: all of it but the tokens, random by design."""
    body = re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", response.text)
    body = re.sub(r"<code>[0-9a-f]{16}</code>", "<code></code>", body)
    headers = {k: v for k, v in response.headers.items() if k != "X-Request-ID"}
    return response.status_code, body, headers


def methods(person: str) -> list[str]:
    return METHODS if person in ASKED_ALL else ["GET", "POST"]


def expected(row: Row, person: str, method: str) -> int:
    """Return the answer about an own object."""
    if person in SIGNED_OUT:
        return 302
    if person in NO_MEMBERS:
        return 404
    usual = {"GET": row.get, "POST": row.post}.get(method, 405)
    if method == "HEAD" and row.post == 405:
        usual = row.get
    role = "admin" if person == "both" else person
    if usual != 405 and role not in row.may:
        return 403
    hidden = row.sees is not None and role not in row.sees
    return 404 if hidden and usual in (200, 201, 302) else usual


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.name or address.route)
def test_every_address_has_a_row(address: Address) -> None:
    if address.in_admin_site:
        return  # the rule for these is one: test_the_admin_site_is_not_there_for_anybody_else
    if address.in_api:
        return  # tests/api/test_every_operation.py has a table of its own
    rows = ROWS if address.in_workspace else OUTSIDE_ROWS

    assert address.name in {row.name for row in rows}, "say who may ask for it"


def test_every_row_has_its_address() -> None:
    names = [row.name for row in [*ROWS, *OUTSIDE_ROWS]]

    assert len(names) == len(set(names))
    assert set(names) <= {address.name for address in ADDRESSES}
    for row in ROWS:
        (address,) = [address for address in ADDRESSES if address.name == row.name]
        assert re.findall(r"<uuid:(\w+)_id>", address.route) == list(row.kinds)
        named = 1 + len(row.kinds) + len(row.args)
        assert address.route.count("<") == named, "what else does the address name?"


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_own_things(world: World, row: Row, person: str) -> None:
    for method in methods(person):
        before = world.stored()
        trodden = len(world.trail())
        response = world.ask(person, method, world.address(row, "own"), world.sent(row))
        changed = before ^ world.stored()
        check_trail(row, person, method, response, world.trail()[trodden:])

        wanted = expected(row, person, method)
        if row.name == "workspaces:ownership-transfer" and wanted == 302 and method == "POST":
            wanted = 422 if person not in SIGNED_OUT else 302  # nobody here has a password
        assert response.status_code == wanted, f"{method} by {person}"
        if wanted == 302 and person in SIGNED_OUT:
            assert response["Location"].startswith(reverse("account_login"))
        if wanted in (201, 302) and person not in SIGNED_OUT:
            assert method == "POST"
            assert workspaces_of(changed) <= {str(world.acme.pk)}, f"{method} by {person}"
            world.restore()
        else:
            assert not changed, f"{method} by {person}"
        assert b"globex" not in response.content.lower(), f"{method} by {person}"


def check_trail(
    row: Row, person: str, method: str, response: HttpResponse, entries: list[tuple[str, ...]]
) -> None:
    """What a member does or is refused is on the trail of the workspace; a stranger leaves none."""
    assert {slug for slug, *_ in entries} <= {"acme"}, f"{method} by {person}"
    assert {actor for _, actor, *_ in entries} <= {f"{person}@people.test"}
    outcomes = [outcome for *_, outcome in entries]
    if person in [*NO_MEMBERS, *SIGNED_OUT]:
        assert not entries, f"{method} by {person}"
    elif response.status_code == 403:
        assert outcomes == ["denied"], f"{method} by {person}"
    elif method == "POST" and response.status_code < 400 and not row.unaudited:
        assert "done" in outcomes, f"{method} by {person} is not on the audit trail"


@pytest.mark.parametrize("person", LOOKING)
@pytest.mark.parametrize("row", [row for row in ROWS if row.takes], ids=str)
def test_foreign_things_answer_as_absent_ones(world: World, row: Row, person: str) -> None:
    before = world.stored()
    for method in methods(person):
        answers = {}
        for which in ("foreign", "absent"):
            with CaptureQueriesContext(connection) as queries:
                response = world.ask(person, method, world.address(row, which), world.sent(row))
            answers[which] = (*comparable(response), len(queries))

        wanted = expected(row, person, method)
        wanted = 404 if person in [*MEMBERS, "both"] and wanted in (200, 201, 302) else wanted
        assert answers["foreign"][0] == wanted, f"{method} by {person}"
        if person in SIGNED_OUT:  # the way back after sign-in names the page that was asked for
            assert answers["foreign"][1] == answers["absent"][1]
        else:
            assert answers["foreign"] == answers["absent"], f"{method} by {person}"
        assert "globex" not in answers["foreign"][1].lower()
    assert world.stored() == before
    assert {entry[0] for entry in world.trail()} <= {"acme"}


@pytest.mark.parametrize("person", ["owner", "both"])
@pytest.mark.parametrize("row", [row for row in ROWS if len(row.kinds) > 1], ids=str)
def test_foreign_things_under_ones_own_answer_as_absent_ones(
    world: World, row: Row, person: str
) -> None:
    for own in range(1, len(row.kinds)):
        for method in METHODS:
            foreign, absent = (
                world.ask(person, method, world.address(row, which, own=own), world.sent(row))
                for which in ("foreign", "absent")
            )

            assert comparable(foreign) == comparable(absent), f"{method} by {person}"
            usual = expected(row, person, method)
            assert foreign.status_code == (404 if usual in (200, 201, 302) else usual)
    assert world.stored() == world.built


@pytest.mark.parametrize("person", ["owner", "both", "stranger"])
@pytest.mark.parametrize("row", [row for row in ROWS if row.takes], ids=str)
def test_fragments_of_pages_tell_no_more(world: World, row: Row, person: str) -> None:
    page = {"HX-Request": "true", "HX-Current-URL": "http://testserver/w/acme/members/"}
    for method in ("GET", "POST"):
        foreign, absent = (
            world.ask(person, method, world.address(row, which), world.sent(row), headers=page)
            for which in ("foreign", "absent")
        )

        assert comparable(foreign) == comparable(absent), method
        wanted = expected(row, person, method)
        assert foreign.status_code == (wanted if wanted == 405 else 404)
    assert world.stored() == world.built


@pytest.mark.parametrize("person", ["stranger", "removed", "owner"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_foreign_workspaces_answer_as_absent_ones(world: World, row: Row, person: str) -> None:
    slug = "acme" if person in NO_MEMBERS else "globex"
    before = world.stored()
    for method in methods(person):
        foreign = world.ask(person, method, world.address(row, "own", slug), world.sent(row))
        absent = world.ask(person, method, world.address(row, "own", "nowhere"), world.sent(row))

        assert comparable(foreign) == comparable(absent), f"{method} by {person}"
        assert foreign.status_code == 404
        if method != "HEAD":
            assert "There is nothing here" in foreign.text
        assert "acme" not in comparable(foreign)[1].lower()
    assert world.stored() == before
    assert world.trail() == []


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_other_methods_are_refused_and_tell_strangers_nothing(world: World, row: Row) -> None:
    for method in ["PUT", "PATCH", "OPTIONS", "TRACE"]:
        for which in ("own", "foreign", "absent"):
            address = world.address(row, which)
            assert world.ask("owner", method, address, {}).status_code == 405
            assert world.ask("stranger", method, address, {}).status_code == 404
            assert world.ask("anonymous", method, address, {}).status_code == 302
    assert world.stored() == world.built


@pytest.mark.parametrize(
    "slug", ["ACME", "acme%20", "acme%00", "-", "a" * 41, "acme;globex", "%C3%A4"]
)
def test_slugs_that_cannot_exist_answer_as_absent_ones(world: World, slug: str) -> None:
    odd = world.clients["owner"].get(f"/w/{slug}/projects/")
    absent = world.clients["owner"].get("/w/nowhere/projects/")

    assert comparable(odd) == comparable(absent)
    assert odd.status_code == 404


@pytest.mark.parametrize("path", ["/w/acme/nothing/", "/w/acme/projects/1/", "/w//", "/w/", "/w"])
def test_paths_that_are_no_page_tell_strangers_nothing(world: World, path: str) -> None:
    for person in NO_MEMBERS:
        answer = world.clients[person].get(path)
        absent = world.clients[person].get(path.replace("acme", "nowhere"))

        assert comparable(answer) == comparable(absent)
        assert answer.status_code == 404


@pytest.mark.parametrize("row", OUTSIDE_ROWS, ids=str)
def test_pages_outside_workspaces(world: World, row: OutsideRow) -> None:
    sessions = {"django_session", "usersessions_usersession", *BOOKKEEPING}
    address = reverse(row.name, args=row.args)
    for person, answers in [
        ("outsider", row.signed_in),
        ("viewer", row.signed_in),
        ("anonymous", row.signed_out),
        ("deactivated", row.signed_out),
    ]:
        for method, wanted in zip(["GET", "POST"], answers, strict=True):
            before = world.watched.stored(but=sessions)
            response = world.ask(person, method, address, {})

            assert response.status_code == wanted, f"{method} by {person}"
            assert world.watched.stored(but=sessions) == before, f"{method} by {person}"
            if wanted == 302 and answers == TO_SIGN_IN and person in SIGNED_OUT:
                assert response["Location"].startswith(reverse("account_login"))
            assert "globex" not in response.text.lower(), f"{method} by {person}"


def test_a_session_of_somebody_else_answers_as_an_absent_one(world: World) -> None:
    sessions = {
        name: UserSession.objects.create(
            user=world.people[name],
            session_key=world.clients[name].session.session_key,
            ip="192.0.2.1",
            user_agent="A browser",
        )
        for name in ("viewer", "stranger")
    }
    before = world.stored()
    viewer = world.clients["viewer"]

    foreign = viewer.post(reverse("accounts:session-end", args=[sessions["stranger"].pk]))
    absent = viewer.post(reverse("accounts:session-end", args=[10**30]))

    assert comparable(foreign) == comparable(absent)
    assert foreign.status_code == 404
    assert world.stored() == before
    own = viewer.post(reverse("accounts:session-end", args=[sessions["viewer"].pk]))
    assert own.status_code == 302
    assert world.stored() < before


@pytest.mark.parametrize(
    "address", [a for a in ADDRESSES if a.in_admin_site], ids=lambda a: a.route
)
def test_the_admin_site_is_not_there_for_anybody_else(world: World, address: Address) -> None:
    path = "/" + re.sub(r"<path:\w+>", str(world.acme.pk), address.route)
    path = re.sub(r"\^?\(\?P<\w+>[^)]*\)\/?\$", "workspaces/", path)
    before = world.stored()
    for person in ["owner", "outsider"]:
        absent = world.clients[person].get("/nowhere/")
        for method in ("GET", "POST", "DELETE"):
            answer = world.ask(person, method, path, {})

            assert answer.status_code == 404, f"{method} by {person}"
            assert comparable(answer)[1] == comparable(absent)[1]
    for person in SIGNED_OUT:
        answer = world.clients[person].get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))
    assert world.stored() == before


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
def test_ownership_goes_to_a_member_of_the_workspace_only(world: World) -> None:
    owner = world.people["owner"]
    owner.set_password("correct horse battery")
    owner.save()
    client = world.clients["owner"]
    client.force_login(owner)
    address = reverse("workspaces:ownership-transfer", args=["acme"])
    before = world.stored()
    answers = []
    for heir in (world.things["foreign"]["membership"], uuid4()):
        sent = {"new_owner": str(heir), "password": "correct horse battery"}
        answers.append(client.post(address, sent))

    assert [answer.status_code for answer in answers] == [422, 422]
    assert comparable(answers[0])[1] == comparable(answers[1])[1]
    assert world.stored() == before
    heir = world.things["own"]["membership"]
    sent = {"new_owner": str(heir), "password": "correct horse battery"}
    assert client.post(address, sent).status_code == 302
    assert workspaces_of(before ^ world.stored()) == {str(world.acme.pk)}
