"""Vectors 19 and 39: what is made after the view has returned is made inside the workspace, and
only while the person may still see it."""

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connection
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory
from workspaces.middleware import WorkspaceMiddleware
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import NoActiveWorkspace, current_scope, platform_scope, workspace_scope


@pytest.fixture
def member(db):
    mine, theirs = MembershipFactory(), ProjectFactory(name="Kestrel")
    for name in ("Goshawk", "Harrier"):
        ProjectFactory(workspace=mine.workspace, name=name)
    assert theirs.workspace_id != mine.workspace_id
    return mine


@pytest.fixture
def request_of(member):
    """Return a function that runs a view inside the workspace middleware, as the member."""

    def run(view):
        request = RequestFactory().get(f"/w/{member.workspace.slug}/")
        request.session, request.htmx, request.user = SessionStore(), True, member.user
        login(request, member.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        request.session.save()
        return request, WorkspaceMiddleware(view)(request)

    return run


def one_name_at_a_time():
    """Ask for a name per chunk: each a query of its own, after the view has returned."""
    yield b""
    for position in range(2):
        yield Project.objects.order_by("name")[position].name.encode()


async def one_name_at_a_time_async():
    yield b""
    async for project in Project.objects.order_by("name"):
        yield project.name.encode()


def stream(request):
    return StreamingHttpResponse(one_name_at_a_time())


def remove(member):
    with platform_scope("test"):
        Membership.objects.filter(pk=member.pk).delete()


def test_a_stream_is_made_inside_its_workspace(request_of):
    _request, response = request_of(stream)

    assert b"".join(response.streaming_content) == b"GoshawkHarrier"
    with pytest.raises(NoActiveWorkspace):
        current_scope()


def test_between_two_chunks_no_scope_is_open(request_of):
    _request, response = request_of(stream)
    chunks = iter(response.streaming_content)

    next(chunks), next(chunks)

    with pytest.raises(NoActiveWorkspace):
        current_scope()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('agenhood.workspace_id', true)")
        assert not cursor.fetchone()[0]


def test_a_removed_members_stream_ends(request_of, member):
    _request, response = request_of(stream)
    chunks = iter(response.streaming_content)
    assert [next(chunks), next(chunks)] == [b"", b"Goshawk"]

    remove(member)

    assert list(chunks) == []


def test_a_demoted_members_stream_ends(request_of, member):
    _request, response = request_of(stream)
    chunks = iter(response.streaming_content)
    assert [next(chunks), next(chunks)] == [b"", b"Goshawk"]

    with platform_scope("test"):
        Membership.objects.filter(pk=member.pk).update(role=Role.AUDITOR)

    assert list(chunks) == []


def test_a_demoted_members_async_stream_ends(request_of, member):
    _request, response = request_of(
        lambda _request: StreamingHttpResponse(one_name_at_a_time_async())
    )

    def demote():
        with platform_scope("test"):
            Membership.objects.filter(pk=member.pk).update(role=Role.AUDITOR)

    async def read():
        chunks = aiter(response.streaming_content)
        first = [await anext(chunks), await anext(chunks)]
        await sync_to_async(demote)()
        return first, [chunk async for chunk in chunks]

    assert async_to_sync(read)() == ([b"", b"Goshawk"], [])


def test_a_stream_ends_with_its_session(request_of):
    request, response = request_of(stream)
    chunks = iter(response.streaming_content)
    assert [next(chunks), next(chunks)] == [b"", b"Goshawk"]

    SessionStore(request.session.session_key).delete()

    assert list(chunks) == []


def test_a_closed_accounts_stream_ends(request_of, member):
    _request, response = request_of(stream)
    chunks = iter(response.streaming_content)
    assert [next(chunks), next(chunks)] == [b"", b"Goshawk"]

    with platform_scope("test"):
        member.user.is_active = False
        member.user.save(update_fields=["is_active"])

    assert list(chunks) == []


def test_an_async_stream_is_made_inside_its_workspace_and_ends_with_membership(request_of, member):
    _request, response = request_of(
        lambda _request: StreamingHttpResponse(one_name_at_a_time_async())
    )

    async def read():
        chunks = aiter(response.streaming_content)
        first = [await anext(chunks), await anext(chunks)]
        await sync_to_async(remove)(member)
        return first, [chunk async for chunk in chunks]

    assert async_to_sync(read)() == ([b"", b"Goshawk"], [])


def test_a_lazy_template_is_rendered_inside_its_workspace(client, member, monkeypatch):
    """A TemplateResponse is rendered after its view: still inside the middleware."""
    template = engines["django"].from_string(
        "{% for project in projects %}{{ project.name }} {% endfor %}"
    )

    def lazy(request, **_kwargs):
        return TemplateResponse(request, template, {"projects": Project.objects.order_by("name")})

    client.force_login(member.user)
    monkeypatch.setattr("workspaces.views.home.render", lambda request, *_args: lazy(request))

    response = client.get(f"/w/{member.workspace.slug}/")

    assert response.text.split() == ["Goshawk", "Harrier"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [(ZeroDivisionError, 500), (PermissionDenied, 403), (Http404, 404), (BadRequest, 400)],
)
def test_a_view_that_fails_leaves_nothing_behind(client, member, monkeypatch, failure, status):
    """Vector 39: neither a fault nor a refusal half way."""

    def fail(request, *_args):
        Project.objects.create(name="Half done")
        raise failure

    client.force_login(member.user)
    client.raise_request_exception = False
    monkeypatch.setattr("workspaces.views.home.render", fail)

    response = client.get(f"/w/{member.workspace.slug}/")

    assert response.status_code == status
    with workspace_scope(member.workspace_id):
        assert not Project.objects.filter(name="Half done").exists()


def test_an_answer_of_500_leaves_nothing_behind(client, member, monkeypatch):
    def broken(request, *_args):
        Project.objects.create(name="Half done")
        return HttpResponse(status=500)

    client.force_login(member.user)
    monkeypatch.setattr("workspaces.views.home.render", broken)

    client.get(f"/w/{member.workspace.slug}/")

    with workspace_scope(member.workspace_id):
        assert not Project.objects.filter(name="Half done").exists()


def test_suspension_makes_a_stream_read_only_and_does_not_end_it(request_of, member):
    _request, response = request_of(stream)
    chunks = iter(response.streaming_content)
    next(chunks)

    with platform_scope("test"):
        Workspace.objects.filter(pk=member.workspace_id).update(suspended_at="2026-01-01T00:00Z")

    assert list(chunks) == [b"Goshawk", b"Harrier"]
