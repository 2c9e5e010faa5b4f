import pytest
from django.http import QueryDict

from agenhood.fleet.models import Project
from agenhood.fleet.paging import page_by_name
from tests.factories import ProjectFactory, WorkspaceFactory
from workspaces.scope import workspace_scope


@pytest.fixture
def workspace(db):
    """A workspace to page in, and another one whose projects would stand between its own."""
    for name in ("project-000x", "project-012x", "project-999"):
        ProjectFactory(name=name)
    return WorkspaceFactory()


def make(workspace, names):
    with workspace_scope(workspace.pk):
        Project.objects.bulk_create([Project(name=name) for name in names])


def turn(workspace, query, size=25):
    with workspace_scope(workspace.pk):
        return page_by_name(Project.objects.all(), QueryDict(query.removeprefix("?")), size)


def forwards(workspace, size=25):
    pages = [turn(workspace, "", size)]
    while pages[-1].next:
        pages.append(turn(workspace, pages[-1].next, size))
    return pages


def names(page):
    return [row.name for row in page.rows]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, [0]), (1, [1]), (24, [24]), (25, [25]), (26, [25, 1]), (50, [25, 25]), (60, [25, 25, 10])],
)
def test_paging_forwards_and_back_shows_every_row_once_in_order(workspace, count, sizes):
    expected = [f"project-{number:03}" for number in range(count)]
    make(workspace, expected)

    there = forwards(workspace)
    back = [there[-1]]
    while back[-1].previous:
        back.append(turn(workspace, back[-1].previous))

    assert [len(page.rows) for page in there] == sizes
    assert [name for page in there for name in names(page)] == expected
    assert [names(page) for page in reversed(back)] == [names(page) for page in there]
    assert bool(back[-1].next) is (len(sizes) > 1)


def test_paging_has_no_previous_page_on_the_first_and_no_next_on_the_last(workspace):
    make(workspace, [f"project-{number:03}" for number in range(3)])

    first, second, third = forwards(workspace, size=1)

    assert (first.previous, third.next) == ("", "")
    assert second.previous
    assert second.next
    assert turn(workspace, second.previous, size=1).previous == ""


def test_paging_sorts_upper_and_lower_case_alike_and_loses_neither(workspace):
    make(workspace, ["b", "A", "C", "a b", "Ä", "ä b", "_", "É"])

    pages = forwards(workspace, size=1)

    flat = [name for page in pages for name in names(page)]
    assert sorted(flat) == sorted(["b", "A", "C", "a b", "Ä", "ä b", "_", "É"])
    assert flat.index("A") < flat.index("b") < flat.index("C")


def test_paging_goes_on_after_a_row_that_was_deleted_meanwhile(workspace):
    make(workspace, [f"project-{number:03}" for number in range(4)])
    first = turn(workspace, "", size=2)
    with workspace_scope(workspace.pk):
        Project.objects.get(name="project-001").delete()

    assert names(turn(workspace, first.next, size=2)) == ["project-002", "project-003"]


def test_paging_keeps_the_rest_of_the_query(workspace):
    make(workspace, ["a & b", "c"])

    first = turn(workspace, "q=x%26y&state=archived&after=", size=1)

    link = QueryDict(first.next.removeprefix("?"))
    assert link.dict() == {"q": "x&y", "state": "archived", "after": "a & b"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("after=a", ["b", "c"]),
        ("after=B", ["c"]),
        ("before=C", ["a", "b"]),
        ("after=c", []),
        ("before=a", []),
        ("after=a&before=c", ["a", "b"]),
        ("after=a%00", ["b", "c"]),
        ("before=%00", ["a", "b", "c"]),
        ("after=' OR 1=1 --", ["a", "b", "c"]),
        ("after=" + "z" * 5000, []),
    ],
)
def test_paging_takes_any_position_that_an_address_may_name(workspace, query, expected):
    make(workspace, ["a", "b", "c"])

    assert names(turn(workspace, query)) == expected


def test_paging_turns_forwards_again_after_it_turned_back(workspace):
    make(workspace, [f"project-{number:03}" for number in range(6)])
    first, second, third = forwards(workspace, size=2)

    back = turn(workspace, third.previous, size=2)

    assert names(back) == names(second)
    assert names(turn(workspace, back.next, size=2)) == names(third)
    assert names(turn(workspace, back.previous, size=2)) == names(first)
    assert list(QueryDict(back.next.removeprefix("?")).lists()) == [("after", ["project-003"])]
