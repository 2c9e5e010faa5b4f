import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from agenhood.fleet.models import Project
from agenhood.fleet.paging import Count, capped_count, page_by_newest
from tests.factories import ProjectFactory, WorkspaceFactory
from workspaces.scope import workspace_scope


@pytest.fixture
def workspace(db):
    """A workspace to page in; another one's rows stand before, between and after its own."""
    return WorkspaceFactory()


def make(workspace, names):
    for name in names:
        ProjectFactory(workspace=workspace, name=name)
        ProjectFactory(name=name)


def turn(workspace, query="", size=25):
    with workspace_scope(workspace.pk):
        return page_by_newest(Project.objects.all(), QueryDict(query.removeprefix("?")), size)


def names(page):
    return [row.name for row in page.rows]


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, [0]), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])]
)
def test_paging_shows_every_row_once_newest_first_and_back_again(workspace, count, sizes):
    make(workspace, map(str, range(count)))

    there = [turn(workspace, size=3)]
    while there[-1].next:
        there.append(turn(workspace, there[-1].next, 3))
    back = [there[-1]]
    while back[-1].previous:
        back.append(turn(workspace, back[-1].previous, 3))

    assert [len(page.rows) for page in there] == sizes
    assert [name for page in there for name in names(page)] == [*map(str, reversed(range(count)))]
    assert [names(page) for page in reversed(back)] == [names(page) for page in there]


def test_paging_loses_and_repeats_no_row_while_new_ones_come(workspace):
    make(workspace, map(str, range(4)))
    page, seen = turn(workspace, size=2), []

    while True:
        seen += names(page)
        make(workspace, [f"new after {len(seen)}"])
        if not page.next:
            break
        page = turn(workspace, page.next, 2)

    assert seen == ["3", "2", "1", "0"]
    assert names(turn(workspace, page.previous, 2)) == ["3", "2"]


def test_paging_goes_on_after_a_row_that_was_deleted_meanwhile(workspace):
    make(workspace, "abcd")
    first = turn(workspace, size=2)
    with workspace_scope(workspace.pk):
        Project.objects.get(name="c").delete()

    assert names(turn(workspace, first.next, 2)) == ["b", "a"]


def test_paging_keeps_the_rest_of_the_query(workspace):
    make(workspace, "ab")

    first = turn(workspace, "q=x%26y&state=failed&state=running&after=", 1)

    link = QueryDict(first.next.removeprefix("?"))
    assert (link["q"], link.getlist("state")) == ("x&y", ["failed", "running"])
    assert "before" not in link


@pytest.mark.parametrize("position", ["x", "0", "%00", "1" * 5000, "' OR 1=1 --", "٣" * 31])
@pytest.mark.parametrize("name", ["after", "before"])
def test_paging_takes_a_position_that_is_no_id_for_the_start(workspace, name, position):
    make(workspace, "abc")

    page = turn(workspace, f"{name}={position}")

    assert sorted(names(page)) == ["a", "b", "c"]


def test_paging_from_the_id_of_another_workspaces_row_shows_ones_own_rows_only(workspace):
    make(workspace, "ab")
    theirs = ProjectFactory(name="theirs")
    make(workspace, "c")

    assert names(turn(workspace, f"after={theirs.pk}")) == ["b", "a"]
    assert names(turn(workspace, f"before={theirs.pk}")) == ["c"]
    assert names(turn(workspace, f"after={uuid7()}")) == ["c", "b", "a"]


@pytest.mark.parametrize(("count", "said"), [(0, "0"), (3, "3"), (4, "4"), (5, "4+"), (9, "4+")])
def test_a_capped_count_counts_its_own_rows_up_to_the_cap(workspace, count, said):
    make(workspace, map(str, range(count)))

    with workspace_scope(workspace.pk), CaptureQueriesContext(connection) as statements:
        found = capped_count(Project.objects.order_by("name"), cap=4)

    assert str(found) == said
    assert len(statements) == 1
    assert "LIMIT 5" in statements[0]["sql"]


def test_a_capped_count_says_thousands():
    assert str(Count(10_000, is_capped=True)) == "10,000+"
