import re

import pytest

from tests.accounts.conftest import PASSWORD
from tests.factories import MembershipFactory

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def workspace(client, person):
    mine = MembershipFactory(user=person)
    client.force_login(person)
    return mine.workspace


def address(page, workspace):
    return page.format(slug=workspace.slug)


def parts(header):
    return {part.strip().lower() for part in header.split(",")}


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(
    "path",
    [
        "/w/{slug}/",
        "/w/{slug}/projects/",
        "/w/{slug}/members/",
        "/w/{slug}/nothing/",
        "/workspaces/",
    ],
)
def test_pages_of_workspaces_are_stored_by_no_cache(client, workspace, path, headers):
    response = client.get(address(path, workspace), headers=headers)

    assert parts(response["Cache-Control"]) == {"private", "no-store"}
    assert "hx-request" in parts(response["Vary"])


def test_no_workspace_page_is_stored_by_no_cache(client, person):
    client.force_login(person)

    response = client.get("/workspaces/")

    assert parts(response["Cache-Control"]) == {"private", "no-store"}


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
@pytest.mark.parametrize(
    "path", ["/account/", "/sign-in/password/change/", "/", "/w/not-mine/", "/nothing/here/"]
)
def test_whatever_names_the_person_is_stored_by_no_cache(client, person, path, headers):
    client.force_login(person)

    response = client.get(path, headers=headers)

    assert {"private", "no-store"} <= parts(response["Cache-Control"])


def test_account_page_varies_by_htmx(client, person):
    client.force_login(person)

    assert "hx-request" in parts(client.get("/account/")["Vary"])


ANYWHERE = [
    "/sign-in/",
    "/sign-in/password/reset/",
    "/account/",
    "/workspaces/",
    "/w/{slug}/",
    "/w/not-mine/",
    "/nothing/here/",
    "/offline/",
    "/",
]


@pytest.mark.parametrize("path", ANYWHERE)
def test_every_answer_has_the_strict_policy_and_is_framed_and_sniffed_by_nobody(
    client, workspace, path
):
    response = client.get(address(path, workspace))

    policy = response["Content-Security-Policy"]
    assert {directive.strip() for directive in policy.split(";")} == POLICY
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/sign-in/", "/account/", "/workspaces/", "/w/{slug}/members/"])
def test_pages_have_nothing_that_the_policy_would_stop(client, workspace, path):
    if path == "/sign-in/":
        client.logout()
    text = client.get(address(path, workspace)).text

    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|<script(?![^>]* src=)", text)


@pytest.mark.parametrize("path", ANYWHERE)
def test_every_answer_has_a_fresh_id_that_is_not_the_clients(client, workspace, path):
    sent = {"X-Request-ID": "f" * 16}

    ids = [client.get(address(path, workspace), headers=sent)["X-Request-ID"] for _ in range(2)]

    assert all(re.fullmatch(r"[0-9a-f]{16}", request_id) for request_id in ids)
    assert len({*ids, "f" * 16}) == 3


def test_error_page_names_the_id_of_its_own_request(client, workspace):
    response = client.get("/w/not-mine/")

    assert f"<code>{response['X-Request-ID']}</code>" in response.text


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client, person):
    client.get("/sign-in/")
    client.post("/sign-in/", {"login": person.email, "password": PASSWORD})

    session, csrf = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert session["httponly"] is True
    assert session["samesite"] == csrf["samesite"] == "Lax"
    assert session["path"] == csrf["path"] == "/"
    assert session["domain"] == csrf["domain"] == ""


def test_session_cookie_holds_an_id_and_nothing_of_the_person(client, workspace, person):
    client.get(workspace.get_absolute_url())

    assert re.fullmatch(r"[0-9a-z]{32}", client.cookies["sessionid"].value)
    assert set(client.cookies) <= {"sessionid", "csrftoken"}
