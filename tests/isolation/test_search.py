"""The full-text search: the database finds by its index of words, and in one workspace only.

docs/adr/0015-search-under-row-security.md says why it takes a policy to do so.
"""

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from agenhood.fleet.actions import history
from agenhood.fleet.models import SearchDocument
from agenhood.fleet.search import Selection
from tests.fleet.history.conftest import desk as desk
from tests.fleet.history.conftest import desk_of as desk_of
from tests.fleet.history.conftest import other_desk as other_desk
from workspaces.database.roles import APP, OWNER
from workspaces.scope import workspace_scope

MANY = """
INSERT INTO fleet_task (
    id, workspace_id, conversation_id, agent_id, project_id, number, state, state_reason, input,
    output, agent_revision, attempt, created_by_id, created_at, input_tokens, output_tokens,
    cost_micros
)
SELECT uuidv7(), workspace_id, conversation_id, agent_id, project_id, number + n, state, '',
       'merlin' || n, '', 1, 1, created_by_id, now(), 0, 0, 0
  FROM fleet_task, generate_series(1, 2000) AS n;
SELECT count(fleet_index_task(id)) FROM fleet_task;
"""


@pytest.fixture
def busy_desk(become, desk):
    """A workspace with so many tasks that it matters by which index they are found."""
    become(APP)
    desk.ask("falcon")
    with desk.scope, connection.cursor() as cursor:
        cursor.execute(MANY)
        become(OWNER)
        cursor.execute("ANALYZE fleet_task, fleet_searchdocument")
        become(APP)
    return desk


def explained(desk, asked, sql="SELECT id FROM fleet_searchdocument"):
    with desk.scope, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('agenhood.search', %s, true)", [asked])
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("agenhood_app",)
    return plan


def test_row_security_lets_the_restricted_role_use_the_index_of_words(busy_desk):
    plan = explained(busy_desk, "'falcon'")

    assert "Bitmap Index Scan on fleet_searchdocument_words" in plan
    assert "Index Cond: ((vector @@" in plan


def test_a_condition_of_a_querys_own_cannot_use_it(busy_desk):
    """The trap that the policy is for: were this ever allowed, the policy could go."""
    own = "SELECT id FROM fleet_searchdocument WHERE vector @@ 'falcon'::tsquery"

    plan = explained(busy_desk, "", own)

    named = {line.strip().split(":")[0] for line in plan.splitlines() if "falcon" in line}
    assert named == {"Filter"}


def test_a_search_reads_the_hits_in_the_index_of_words_and_nothing_else(busy_desk):
    """In the function itself, as the planner decides it there."""
    scans = """
        SELECT pg_stat_get_xact_numscans(words), pg_stat_get_xact_tuples_returned(words),
               pg_stat_get_xact_tuples_fetched(documents), pg_stat_get_xact_numscans(documents)
          FROM CAST('fleet_searchdocument_words' AS regclass) AS words,
               CAST('fleet_searchdocument' AS regclass) AS documents
    """
    with busy_desk.scope, connection.cursor() as cursor:
        cursor.execute(scans)
        before = cursor.fetchone()
        assert Selection(words="falcon").count().number == 1
        cursor.execute(scans)
        after = cursor.fetchone()

    words, entries, rows, whole_table = (b - a for a, b in zip(before, after, strict=True))
    assert (words, rows, whole_table) == (1, 1, 0)
    assert entries <= 2


def test_a_forged_search_still_finds_ones_own_only(desk, other_desk):
    """Even with the other workspace's own words, as they stand in its index."""
    desk.ask("falcon")
    theirs = other_desk.ask("falcon")
    with other_desk.scope, connection.cursor() as cursor:
        window = "workspaces.search_window(%s)"
        cursor.execute(
            f"SELECT workspaces.search_within('falcon', {window}, {window})",
            [theirs.pk, theirs.pk],
        )
        (asked,) = cursor.fetchone()

    with desk.scope, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('agenhood.search', %s, true)", [asked])
        assert not SearchDocument.objects.exists()
        cursor.execute("SELECT count(*) FROM fleet_searchdocument")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM fleet_searchdocument",
        "SELECT fleet_find_tasks('falcon', '', NULL, uuidv7(), uuidv7(), 'any', 1)",
        "SELECT fleet_index_task(gen_random_uuid())",
    ],
)
def test_without_a_workspace_there_is_no_search(desk, sql):
    desk.ask("falcon")

    with (
        pytest.raises(ProgrammingError, match="no active workspace"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


def test_another_workspaces_task_is_not_indexed(desk, other_desk):
    task = other_desk.ask("falcon")

    with desk.scope:
        history.index(task)
        assert not SearchDocument.objects.exists()
    with workspace_scope(other_desk.membership.workspace_id):
        assert SearchDocument.objects.count() == 1
