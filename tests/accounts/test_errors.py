import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory
from tests.pages import page
from workspaces.roles import Role
from workspaces.scope import workspace_scope

FRAGMENT = {"HX-Request": "true"}
VIEWS = "agenhood.fleet.views.project"


@pytest.fixture
def mine(client, person):
    membership = MembershipFactory(user=person, role=Role.OPERATOR)
    client.force_login(person)
    client.raise_request_exception = False
    return membership


def create(client, mine, name="Harrier", **kwargs):
    return client.post(f"/w/{mine.workspace.slug}/projects/new/", {"name": name}, **kwargs)


def names_in(workspace):
    with workspace_scope(workspace.pk):
        return list(Project.objects.values_list("name", flat=True))


def is_ours(response):
    return "/static/console.css" in response.text and page(response).one("main")


@pytest.mark.parametrize("headers", [{}, FRAGMENT])
def test_form_without_a_token_changes_nothing_and_says_what_to_do(mine, person, headers):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)

    response = create(client, mine, headers=headers)

    assert response.status_code == 403
    assert is_ours(response)
    assert page(response).one("h1").text == "This page was out of date"
    assert response.get("HX-Refresh") == ("true" if headers else None)
    assert names_in(mine.workspace) == []


def test_form_with_the_token_of_the_page_goes_through(mine, person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    form = page(client.get(f"/w/{mine.workspace.slug}/projects/new/")).one("form", class_="fields")
    token = form.one("input", name="csrfmiddlewaretoken")["value"]

    response = client.post(form["action"], {"name": "Harrier", "csrfmiddlewaretoken": token})

    assert response.status_code == 302
    assert names_in(mine.workspace) == ["Harrier"]


@pytest.mark.parametrize("path", ["/sign-in/", "/sign-in/out/", "/account/"])
def test_forms_outside_workspaces_need_a_token_too(person, path):
    client = Client(enforce_csrf_checks=True)
    if path != "/sign-in/":
        client.force_login(person)

    assert client.post(path, {"name": "x"}).status_code == 403


@pytest.mark.parametrize("signed_in", [True, False])
def test_address_that_does_not_exist_is_not_found_in_our_look(client, mine, signed_in):
    if not signed_in:
        client.logout()

    response = client.get("/nothing/here/")

    assert response.status_code == 404
    assert is_ours(response)
    assert page(response).one("h1").text == "There is nothing here"
    assert "urlpatterns" not in response.text


@pytest.mark.parametrize("path", ["/w/{}/", "/w/{}/projects/", "/w/{}/nothing/", "/w/{}"])
def test_workspace_of_others_is_not_found_exactly_as_one_that_does_not_exist(client, mine, path):
    theirs = MembershipFactory().workspace

    answers = [
        client.get(path.format(slug), follow=True)
        for slug in (theirs.slug, "nothing-here", "No Slug")
    ]

    assert {answer.status_code for answer in answers} == {404}
    texts = {page(a).one("body").text.replace(a["X-Request-ID"], "") for a in answers}
    assert len(texts) == 1
    assert theirs.name not in texts.pop()


def test_refusal_names_the_role_and_who_gives_another(client, person):
    mine = MembershipFactory(user=person, role=Role.VIEWER)
    client.force_login(person)

    response = create(client, mine)

    assert response.status_code == 403
    assert is_ours(response)
    main = page(response).one("main")
    assert main.one("h1").text == "Your role does not allow this"
    assert f"You are Viewer in {mine.workspace.name}" in main.text
    assert f"/w/{mine.workspace.slug}/members/" in [a["href"] for a in main.all("a")]


def test_refusal_leads_an_auditor_to_no_page_that_is_refused_as_well(client, person):
    mine = MembershipFactory(user=person, role=Role.AUDITOR)
    client.force_login(person)

    main = page(client.get(f"/w/{mine.workspace.slug}/projects/")).one("main")

    assert [client.get(a["href"]).status_code for a in main.all("a")] == [200]


def test_failure_shows_our_page_without_what_failed(client, mine, monkeypatch):
    ProjectFactory(workspace=mine.workspace, name="Harrier")

    def fail(*args):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(f"{VIEWS}.page_by_name", fail)
    response = client.get(f"/w/{mine.workspace.slug}/projects/")

    assert response.status_code == 500
    assert is_ours(response)
    assert page(response).one("h1").text == "Something broke on our side"
    for leak in ("a secret detail", "RuntimeError", "Traceback", "page_by_name", "Harrier"):
        assert leak not in response.text
    assert response["X-Request-ID"]
    assert response["Cache-Control"] == "private, no-store"
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("x"), 500), (PermissionDenied(), 403), (Http404(), 404)],
    ids=["failure", "refusal", "not-found"],
)
def test_view_that_raises_leaves_nothing_of_what_it_wrote(client, mine, monkeypatch, error, status):
    theirs = ProjectFactory(name="Kestrel")
    wrote = []

    def fail_after_writing(*args):
        wrote.extend(Project.objects.values_list("name", flat=True))
        raise error

    monkeypatch.setattr(f"{VIEWS}.redirect", fail_after_writing)
    response = create(client, mine)

    assert response.status_code == status
    assert wrote == ["Harrier"]
    assert names_in(mine.workspace) == []
    assert names_in(theirs.workspace) == ["Kestrel"]


def test_offline_page_and_service_worker_carry_nothing_personal(client, mine, person):
    signed_out = Client()

    for path in ("/offline/", "/service-worker.js"):
        response = client.get(path)
        assert response.status_code == 200
        assert response.text == signed_out.get(path).text
        for personal in (person.email, str(person.pk), mine.workspace.slug, mine.workspace.name):
            assert personal not in response.text
        assert "sessionid" not in response.cookies
        assert "csrftoken" not in response.cookies


def test_service_worker_keeps_the_offline_page_and_its_files_only(client, db):
    response = client.get("/service-worker.js")

    (kept,) = [line for line in response.text.splitlines() if line.startswith("const KEPT")]
    assert kept == (
        r'const KEPT = ["/offline/", "/static/console.css", "/static/icons.svg",'
        r' "/static/favicon/agenhood.svg"];'
    )
    assert response["Content-Type"].startswith("text/javascript")
    assert response["Cache-Control"] == "no-cache"
    assert "cache.put" not in response.text


def test_the_page_of_a_fault_names_its_request(client, mine, monkeypatch):
    monkeypatch.setattr(f"{VIEWS}.ProjectForm", None)

    response = create(client, mine)

    assert response.status_code == 500
    assert f"request {response['X-Request-ID']}" in page(response).one("main").text
