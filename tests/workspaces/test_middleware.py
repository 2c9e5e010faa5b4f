from functools import partial

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from workspaces import recents
from workspaces.middleware import WorkspaceMiddleware
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import current_scope, open_scope, workspace_scope

TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@pytest.fixture
def mine(db):
    membership = MembershipFactory(role=Role.OPERATOR)
    for _ in range(3):
        MembershipFactory(user=membership.user)
        MembershipFactory(workspace=membership.workspace)
    return membership


@pytest.fixture
def ask(mine):
    """Send a request through this middleware alone, to a view that is given."""
    return partial(through_middleware, mine)


def through_middleware(mine, view, path=None, method="get"):
    request = getattr(RequestFactory(), method)(path or f"/w/{mine.workspace.slug}/anything/")
    request.user = mine.user
    request.htmx = False
    request.session = SessionStore()
    request.session[recents.ACTIVE] = str(mine.workspace_id)
    return WorkspaceMiddleware(view)(request)


def not_reached(_request):
    pytest.fail("the view ran")


def statements(block):
    """Return what a block sends to the database, without what opens and closes transactions."""
    with CaptureQueriesContext(connection) as captured:
        block()
    sent = [query["sql"] for query in captured]
    return [sql for sql in sent if not sql.upper().startswith(TRANSACTION)]


@pytest.mark.parametrize("suspended", [False, True])
def test_entering_a_workspace_is_one_statement(committed_db, suspended):
    mine = MembershipFactory(role=Role.OPERATOR)
    MembershipFactory(user=mine.user)
    MembershipFactory(workspace=mine.workspace)
    if suspended:
        suspend(mine.workspace, "unpaid bill")

    def view(request):
        # What every page asks of the two is there already.
        assert request.workspace.name
        assert request.workspace.is_suspended is suspended
        assert request.membership.role == Role.OPERATOR
        return HttpResponse()

    sent = statements(lambda: through_middleware(mine, view))

    assert len(sent) == 1, sent
    assert "workspaces.enter(" in sent[0]


def test_pages_outside_workspaces_cost_no_statement_and_have_no_scope(ask):
    def view(request):
        assert open_scope() is None
        assert request.workspace is request.membership is None
        return HttpResponse()

    assert statements(lambda: ask(view, "/account/")) == []


def test_address_and_not_the_session_decides_the_workspace(ask, mine):
    other = MembershipFactory(user=mine.user)
    entered = []

    def view(request):
        entered.append((current_scope().workspace_id, request.workspace.pk))
        return HttpResponse()

    ask(view, f"/w/{other.workspace.slug}/")

    assert entered == [(other.workspace_id, other.workspace_id)]
    assert open_scope() is None


@pytest.mark.parametrize(
    "slug", ["nothing-here", "UPPER", "a b", "", "x" * 41, "'", "%00", "%0A", "ä"]
)
def test_workspace_that_is_not_the_persons_is_not_found_and_no_view_runs(ask, slug):
    with pytest.raises(Http404):
        ask(not_reached, f"/w/{slug}/")


def test_existing_workspace_of_others_is_not_found(ask):
    theirs = WorkspaceFactory()

    with pytest.raises(Http404):
        ask(not_reached, f"/w/{theirs.slug}/")
    assert open_scope() is None


@pytest.mark.parametrize(("status", "kept"), [(200, True), (422, True), (500, False), (503, False)])
def test_answer_that_tells_of_a_failure_leaves_nothing_of_what_the_view_wrote(
    ask, mine, status, kept
):
    def view(request):
        Project.objects.create(name="Harrier")
        return HttpResponse(status=status)

    ask(view, method="post")

    with workspace_scope(mine.workspace_id):
        assert Project.objects.exists() is kept


def test_view_that_fails_leaves_nothing_committed(committed_db, client, monkeypatch):
    mine = MembershipFactory(role=Role.OPERATOR)
    theirs = ProjectFactory(name="Harrier")
    client.force_login(mine.user)
    client.raise_request_exception = False

    def fail(*args):
        assert Project.objects.get().name == "Harrier"
        raise RuntimeError

    monkeypatch.setattr("agenhood.fleet.views.project.redirect", fail)
    url = reverse("fleet:project-create", args=[mine.workspace.slug])
    response = client.post(url, {"name": "Harrier"})

    assert response.status_code == 500
    with workspace_scope(mine.workspace_id):
        assert not Project.objects.exists()
    with workspace_scope(theirs.workspace_id):
        assert Project.objects.exists()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_suspended_workspace_answers_changes_before_any_view(ask, mine, method):
    suspend(mine.workspace, "unpaid bill")

    response = ask(not_reached, method=method)

    assert response.status_code == 403
