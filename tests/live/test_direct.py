"""The short way: SQL that was made before, on the loop's own connection, in a workspace's scope."""

import asyncio
from uuid import UUID

import pytest

from agenhood.fleet import task_page
from agenhood.fleet.models import Event, Task
from agenhood.fleet.timeline import shown_event
from agenhood.live.compiled import Compiled
from agenhood.live.direct import Direct, NoAnswer
from tests.factories import TaskFactory
from tests.live.conftest import say
from workspaces.scope import NoActiveWorkspace, workspace_scope


@pytest.fixture
def task(committed_db):
    found = TaskFactory(state="running")
    say(found, "one", "two 100%s", "three", "four")
    return found


@pytest.fixture
def events():
    return Compiled(task_page.rows_between, task_id=UUID, after=int, until=int)


@pytest.fixture
def tasks():
    return Compiled(task_page.rows_of, task_id=UUID)


def directly(work):
    """Return what comes of a coroutine that reads directly."""

    async def run():
        direct = Direct("test")
        try:
            return await work(direct)
        finally:
            await direct.close()

    return asyncio.run(run())


def read(compiled, workspace_id, **arguments):
    async def work(direct):
        sql, parameters = compiled.statement(workspace_id, **arguments)
        return compiled.made(*await direct.read(workspace_id, sql, parameters))

    return directly(work)


def all_of(row):
    return {name: value for name, value in vars(row).items() if name != "_state"}


def test_rows_are_those_of_the_orm(task, events, tasks):
    with workspace_scope(task.workspace_id):
        events.compile()
        tasks.compile()
        by_orm = [*task_page.rows_between(task.pk, 1, 3), *task_page.rows_of(task.pk)]

    rows = read(events, task.workspace_id, task_id=task.pk, after=1, until=3)
    rows += read(tasks, task.workspace_id, task_id=task.pk)

    assert [all_of(row) for row in rows] == [all_of(row) for row in by_orm]
    assert [type(row) for row in rows] == [Event, Event, Task]
    assert shown_event(rows[0]).shown.text == "two 100%s"


def test_of_another_workspace_there_is_nothing(task, events, tasks):
    """Neither by the SQL, which names the workspace, nor past it, by row security."""
    other = TaskFactory()
    with workspace_scope(other.workspace_id):  # compiled in one, used in the other
        events.compile()
        tasks.compile()
    asked = {"task_id": task.pk, "after": 0, "until": 9}
    assert len(read(events, task.workspace_id, **asked)) == 4
    assert read(events, other.workspace_id, **asked) == []
    assert read(tasks, other.workspace_id, task_id=task.pk) == []

    async def by_its_id(direct, workspace_id):
        sql = "SELECT number FROM fleet_event WHERE task_id = %s ORDER BY number"
        return (await direct.read(workspace_id, sql, [task.pk]))[1]

    async def past_the_filter(direct):
        return [
            await by_its_id(direct, workspace.workspace_id) for workspace in (other, task, other)
        ]

    assert directly(past_the_filter) == [[], [(1,), (2,), (3,), (4,)], []]


def test_nothing_of_a_scope_stays(task):
    async def work(direct):
        await direct.read(task.workspace_id, "SELECT 1", [])
        cursor = await direct._connection.execute(
            "SELECT current_setting('agenhood.workspace_id', true)"
        )
        return await cursor.fetchone()

    assert directly(work) == ("",)


def test_nothing_is_written(task):
    async def work(direct):
        with pytest.raises(NoAnswer, match="ReadOnlySqlTransaction"):
            await direct.read(task.workspace_id, "DELETE FROM fleet_event", [])

    directly(work)


def test_after_a_fault_it_goes_on(task):
    async def work(direct):
        with pytest.raises(NoAnswer, match="UndefinedTable"):
            await direct.read(task.workspace_id, "SELECT 1 FROM nothing", [])
        before = direct._connection
        columns, rows = await direct.read(task.workspace_id, "SELECT 1 AS one", [])
        return before, columns, rows

    assert directly(work) == (None, ["one"], [(1,)])


def test_an_answer_that_nobody_waited_for_is_nobody_elses(task):
    async def work(direct):
        leaves = asyncio.create_task(
            direct.read(task.workspace_id, "SELECT 'theirs', pg_sleep(60)", [])
        )
        while direct._connection is None:
            await asyncio.sleep(0)
        waits = asyncio.create_task(direct.read(task.workspace_id, "SELECT 'ours'", []))
        await asyncio.sleep(0)
        leaves.cancel()
        return (await waits)[1]

    assert directly(work) == [("ours",)]


def test_a_query_is_compiled_in_a_scope_and_not_used_before(task, events):
    with pytest.raises(LookupError):
        events.statement(task.workspace_id, task_id=task.pk, after=0, until=1)
    with pytest.raises(NoActiveWorkspace):
        events.compile()


def test_an_argument_that_is_not_in_the_query_is_missed(task):
    def rows(task_id, until):
        return Event.objects.filter(task=task_id, number__lte=until + 1)

    with workspace_scope(task.workspace_id), pytest.raises(RuntimeError, match="until"):
        Compiled(rows, task_id=UUID, until=int).compile()
