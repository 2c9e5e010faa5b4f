"""Vectors 35 to 39: a scope in threads, tasks, async code and callbacks."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, ProjectFactory, WorkspaceFactory
from workspaces.middleware import WorkspaceMiddleware
from workspaces.roles import Role
from workspaces.scope import NoActiveWorkspace, ScopeConflict, current_scope, workspace_scope


def names() -> list[str]:
    return sorted(Project.objects.values_list("name", flat=True))


def in_scope(workspace_id) -> list[str]:
    try:
        with workspace_scope(workspace_id):
            return names()
    finally:
        connections.close_all()


def failure(function, *args):
    """Return the exception that the function raises, on a connection of its own."""
    try:
        return function(*args)
    except Exception as error:
        return error
    finally:
        connections.close_all()


@pytest.fixture
def acme(committed_db):
    return ProjectFactory(name="Harrier")


@pytest.fixture
def globex(committed_db):
    return ProjectFactory(name="Kestrel")


def test_a_thread_inherits_no_scope(acme):
    """Vector 37: a new thread starts with an empty context."""
    found = []

    with workspace_scope(acme.workspace_id):
        thread = threading.Thread(target=lambda: found.append(failure(names)))
        thread.start()
        thread.join()

    assert [type(error) for error in found] == [NoActiveWorkspace]


def test_an_executor_inherits_no_scope(acme):
    """Vector 37."""
    with workspace_scope(acme.workspace_id), ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(failure, names).result(), NoActiveWorkspace)


def test_a_thread_that_is_handed_the_context_cannot_use_its_scope(acme):
    """Vector 37: the thread's connection is not the one that entered."""
    with workspace_scope(acme.workspace_id), ThreadPoolExecutor(1) as pool:
        context = contextvars.copy_context()
        read = pool.submit(context.run, failure, names).result()
        entered = pool.submit(context.run, failure, in_scope, acme.workspace_id).result()

    assert isinstance(read, ScopeConflict)
    assert isinstance(entered, ScopeConflict)


def test_threads_work_in_their_own_workspaces_at_the_same_time(acme, globex):
    """Vectors 28 and 37: nothing about a scope is shared between threads."""
    both_inside = threading.Barrier(2, timeout=20)

    def work(workspace_id):
        try:
            with workspace_scope(workspace_id):
                both_inside.wait()
                found = names()
                both_inside.wait()
                return found
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(work, [acme.workspace_id, globex.workspace_id]))

    assert found == [["Harrier"], ["Kestrel"]]


def test_async_code_reads_in_its_scope(acme, globex):
    """Vectors 11 and 37: the async methods run in the scope's transaction."""

    async def read():
        async with workspace_scope(acme.workspace_id):
            return (
                [project.name async for project in Project.objects.all()],
                await Project.objects.acount(),
                await Project.objects.filter(pk=globex.pk).aexists(),
                (await Project.objects.aget()).name,
            )

    assert async_to_sync(read)() == (["Harrier"], 1, False, "Harrier")


def test_async_code_outside_a_scope_raises(acme):
    """Vectors 10 and 37."""

    async def count():
        return await Project.objects.acount()

    with pytest.raises(NoActiveWorkspace):
        async_to_sync(count)()


def test_a_task_that_outlives_the_scope_has_none(acme):
    """Vectors 36 and 37: a task copies the context, but the scope in it is closed by then."""

    async def work():
        left = asyncio.Event()

        async def late():
            await left.wait()
            return await sync_to_async(failure_here)()

        async with workspace_scope(acme.workspace_id):
            task = asyncio.create_task(late())
        left.set()
        return await task

    def failure_here():
        try:
            return names()
        except NoActiveWorkspace as error:
            return error

    assert isinstance(async_to_sync(work)(), NoActiveWorkspace)


def test_two_tasks_on_one_connection_cannot_be_in_two_workspaces(acme, globex):
    """Vector 37: tasks of one loop share the thread and its connection, hence the transaction."""

    async def work():
        inside, done = asyncio.Event(), asyncio.Event()

        async def first():
            async with workspace_scope(acme.workspace_id):
                inside.set()
                await done.wait()
                return [project.name async for project in Project.objects.all()]

        async def second():
            await inside.wait()
            try:
                async with workspace_scope(globex.workspace_id):
                    return "entered"
            except ScopeConflict as error:
                return error
            finally:
                done.set()

        return await asyncio.gather(first(), second())

    found, refused = async_to_sync(work)()
    assert found == ["Harrier"]
    assert isinstance(refused, ScopeConflict)


def test_a_task_cancelled_inside_a_scope_leaves_it(acme, globex):
    """Vector 35."""

    async def work():
        inside = asyncio.Event()

        async def stuck():
            async with workspace_scope(acme.workspace_id):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(stuck())
        await inside.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with workspace_scope(globex.workspace_id):
            return [project.name async for project in Project.objects.all()]

    assert async_to_sync(work)() == ["Kestrel"]


def test_a_task_cancelled_while_it_enters_leaves_the_scope(acme, globex, monkeypatch):
    """Vector 35: the thread that enters cannot be stopped half way; what it entered is left."""
    entering, go_on = threading.Event(), threading.Event()
    enter = workspace_scope._apply

    def slow_enter(scope, connection):
        entering.set()
        assert go_on.wait(20)
        return enter(scope, connection)

    async def work():
        async def never_inside():
            async with workspace_scope(acme.workspace_id):
                raise AssertionError("ran although cancelled")

        monkeypatch.setattr(workspace_scope, "_apply", slow_enter)
        task = asyncio.create_task(never_inside())
        await asyncio.to_thread(entering.wait, 20)
        task.cancel()
        go_on.set()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        monkeypatch.undo()
        async with workspace_scope(globex.workspace_id):
            return ended, [project.name async for project in Project.objects.all()]

    ended, found = async_to_sync(work)()
    assert isinstance(ended, asyncio.CancelledError)
    assert found == ["Kestrel"]


def test_a_task_cancelled_while_it_enters_its_scope_again_leaves_the_savepoint(
    acme, globex, monkeypatch
):
    """Vector 35: else the outer transaction would stay open, with the workspace set in it."""
    entering, go_on = threading.Event(), threading.Event()

    def slow_comparison(scope, other):
        entering.set()
        assert go_on.wait(20)
        return scope.scope == other

    async def work():
        async with workspace_scope(acme.workspace_id):

            async def never_inside():
                async with workspace_scope(acme.workspace_id):
                    raise AssertionError("ran although cancelled")

            monkeypatch.setattr(workspace_scope, "_is", slow_comparison)
            task = asyncio.create_task(never_inside())
            await asyncio.to_thread(entering.wait, 20)
            task.cancel()
            go_on.set()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            monkeypatch.undo()
        return ended, await sync_to_async(lambda: connection.in_atomic_block)()

    ended, still_open = async_to_sync(work)()
    assert isinstance(ended, asyncio.CancelledError)
    assert not still_open


def test_an_exception_in_one_scope_leaves_nothing_to_the_next(acme, globex):
    """Vector 36."""
    with pytest.raises(ZeroDivisionError), workspace_scope(acme.workspace_id):
        raise ZeroDivisionError

    with pytest.raises(NoActiveWorkspace):
        current_scope()
    with workspace_scope(globex.workspace_id):
        assert names() == ["Kestrel"]


def test_an_early_return_leaves_the_scope(acme):
    """Vector 36."""

    def first_name():
        with workspace_scope(acme.workspace_id):
            for name in names():
                return name
            return None

    assert first_name() == "Harrier"
    assert not connection.in_atomic_block
    with pytest.raises(NoActiveWorkspace):
        current_scope()


def middleware_answer(view, member, path=None):
    """Run an async view inside the workspace middleware, as Django does under ASGI."""
    request = AsyncRequestFactory().get(path or f"/w/{member.workspace.slug}/")
    request.user, request.session, request.htmx = member.user, SessionStore(), True
    middleware = WorkspaceMiddleware(async_to_sync(view))
    return middleware(request)


def test_an_async_view_runs_in_its_workspace(acme, globex):
    """Vector 37: on the middleware's own connection and transaction."""
    member = MembershipFactory(workspace=acme.workspace)

    async def view(request):
        found = [project.name async for project in Project.objects.all()]
        return HttpResponse(",".join(found))

    assert middleware_answer(view, member).content == b"Harrier"
    with pytest.raises(NoActiveWorkspace):
        current_scope()


async def _asgi_list(member):
    client = AsyncClient()
    await client.aforce_login(member.user)
    return await client.get(f"/w/{member.workspace.slug}/projects/")


def test_requests_under_asgi_stay_in_their_workspaces(acme, globex):
    """Vector 37: the whole stack, through Django's asynchronous handler."""
    members = [
        MembershipFactory(workspace=project.workspace, role=Role.VIEWER)
        for project in (acme, globex)
    ]

    async def both():
        return [await _asgi_list(member) for member in members]

    first, second = async_to_sync(both)()
    assert "Harrier" in first.text
    assert "Kestrel" not in first.text
    assert "Kestrel" in second.text
    assert "Harrier" not in second.text


def test_a_stranger_gets_404_under_asgi(acme):
    """Vector 37."""
    stranger = MembershipFactory(role=Role.OWNER)

    async def ask():
        client = AsyncClient()
        await client.aforce_login(stranger.user)
        return await client.get(f"/w/{acme.workspace.slug}/projects/")

    response = async_to_sync(ask)()
    assert response.status_code == 404
    assert "Harrier" not in response.text


def test_a_connection_handed_on_carries_no_scope(acme):
    """Vectors 35 and 52: the same connection, without and then with another scope."""
    empty = WorkspaceFactory()

    with workspace_scope(acme.workspace_id):
        assert names() == ["Harrier"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('agenhood.workspace_id', true)")
        assert cursor.fetchone()[0] in (None, "")
    with workspace_scope(empty.pk):
        assert names() == []
