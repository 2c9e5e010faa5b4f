"""What is found, in what order, and that nothing of another workspace ever is."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone

from agenhood.fleet.actions import history
from agenhood.fleet.models import SearchDocument, Task
from agenhood.fleet.search import Selection, snippets
from tests.factories import AgentFactory, MembershipFactory

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
WINDOW = timedelta(milliseconds=2**31)


def found(desk, words="", query="", **facets):
    with desk.scope:
        return Selection(words=words, **facets).page(QueryDict(query)).rows


def counted(desk, words="", **facets):
    with desk.scope:
        return Selection(words=words, **facets).count().number


@pytest.mark.parametrize(
    "words",
    [
        "falcon",
        "FALCON",
        "falcons",
        "falcon tower",
        "tower falcon",
        "deploy",
        "deploying",
        "nests",
        "nest",
        '"climbing the stairs"',
        "falcon -kestrel",
        "kestrel or falcon",
        "the",
        "to be found",
        "-kestrel",
        "me@example.org",
        "/srv/data/report.csv",
        "Änderung",
        "änderung",
        "東京",
        "falcon !!! & | ( ' \" : * \\ <-> tower",
    ],
)
def test_words_find_a_task_in_its_title_its_texts_and_what_happened(desk, other_desk, words):
    text = "Deploying me@example.org: /srv/data/report.csv is to be found, Änderung in 東京"
    task = desk.ask(text, "climbing the stairs", title="Falcon", output="in the tower, three nests")
    other_desk.ask(text, "climbing the stairs", title="Falcon", output="in the tower, three nests")

    assert found(desk, words) == [task]
    assert counted(desk, words) == 1


@pytest.mark.parametrize(
    "words",
    [
        "kestrel",
        "falcon kestrel",
        "-falcon",
        '"tower falcon"',
        "!!!",
        "'",
        '"',
        "\\",
        "()",
        "' OR 1=1 --",
        "%",
        "@",
        "agent:",
    ],
)
def test_other_words_do_not_find_it_and_no_words_are_an_error(desk, words):
    desk.ask("in the tower", title="Falcon")

    assert found(desk, words) == []
    assert counted(desk, words) == 0


def test_marks_of_a_document_are_found_by_no_words(desk):
    desk.ask("x")
    for words in (f"agent:{desk.agent.pk}", f"@agent:{desk.agent.pk}", f"{desk.agent.pk}"):
        assert found(desk, words) == []


def test_a_word_that_only_another_workspace_has_is_found_by_nobody_else(desk, other_desk):
    mine = desk.ask("falcon")
    other_desk.ask("kestrel", "kestrel", title="kestrel", output="kestrel")

    for words in ("kestrel", "falcon kestrel", '"kestrel"', "kestrel or merlin"):
        assert found(desk, words) == []
        assert counted(desk, words) == 0
    with desk.scope:
        assert snippets("kestrel", [mine]) == {}
        assert snippets("kestrel or falcon", [mine]) == {mine.pk: [("falcon", True)]}
    assert found(desk, "kestrel or falcon") == [mine]
    assert found(desk, "-merlin") == [mine]


def test_facets_narrow_with_words_as_without(desk):
    user = desk.membership.user
    fellow = MembershipFactory(workspace=desk.membership.workspace).user
    other = AgentFactory(workspace=desk.membership.workspace)
    a = desk.ask("falcon", state=Task.State.FAILED)
    b = desk.ask("falcon", agent=other)
    c = desk.ask("falcon", by=fellow)
    desk.ask("kestrel", agent=other, by=fellow, state=Task.State.FAILED)

    for words in ("", "falcon"):

        def narrowed(words=words, **facets):
            rows = found(desk, words, **facets)
            assert counted(desk, words, **facets) == len(rows)
            return [row for row in rows if row.beginning == "falcon"]

        assert narrowed(agent=desk.agent.pk) == [c, a]
        assert narrowed(project=other.project_id) == [b]
        assert narrowed(person=user.pk) == [b, a]
        assert narrowed(states=("failed",)) == [a]
        assert narrowed(states=("failed", "succeeded")) == [c, b, a]
        assert narrowed(states=("running",)) == []
        assert narrowed(agent=other.pk, person=fellow.pk) == []
        assert narrowed(agent=a.pk) == []


def test_days_are_the_readers_and_both_included(desk):
    ids = {
        hours: desk.ask("falcon", at=NOW + timedelta(hours=hours)).pk for hours in (-13, -11, 9, 11)
    }
    day = date(2026, 7, 1)

    def narrowed(words, **days):
        rows = found(desk, words, **days)
        assert counted(desk, words, **days) == len(rows)
        return [hours for hours, pk in ids.items() if pk in {row.pk for row in rows}]

    for words in ("", "falcon"):
        assert narrowed(words, since=day, until=day) == [-11, 9, 11]
        with timezone.override("Asia/Tokyo"):
            assert narrowed(words, since=day, until=day) == [-13, -11]
            assert narrowed(words, since=day + timedelta(days=1)) == [9, 11]
        assert narrowed(words, until=day - timedelta(days=1)) == [-13]
        assert narrowed(words, since=date(2027, 1, 1)) == []
        assert narrowed(words, until=date(2001, 1, 1)) == []


@pytest.mark.parametrize("words", ["", "falcon"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_hits_of_many_windows_come_newest_first_each_once_and_back(desk, other_desk, words, size):
    """Also where windows between them are empty, and a page ends within one."""
    moments = [NOW - WINDOW * back for back in (0, 0.01, 0.02, 1, 3, 3.01, 11)]
    tasks = [desk.ask("falcon", at=at).pk for at in moments]
    for at in moments:
        other_desk.ask("falcon", at=at)

    with desk.scope:
        selection = Selection(words=words)
        page, there = selection.page(QueryDict(""), size), []
        while True:
            there.append([row.pk for row in page.rows])
            if not page.next:
                break
            page = selection.page(QueryDict(page.next[1:]), size)
        back = [there[-1]]
        while page.previous:
            page = selection.page(QueryDict(page.previous[1:]), size)
            back.insert(0, [row.pk for row in page.rows])

    assert [pk for pks in there for pk in pks] == tasks
    assert back == there


def test_paging_loses_and_repeats_no_hit_while_new_ones_come(desk):
    tasks = [desk.ask("falcon", at=NOW - WINDOW * back).pk for back in (4, 2, 1, 0)]
    query, seen = "", []
    while True:
        with desk.scope:
            page = Selection(words="falcon").page(QueryDict(query), 1)
        seen += [row.pk for row in page.rows]
        desk.ask("falcon")
        if not page.next:
            break
        query = page.next[1:]

    assert seen == tasks[::-1]


def test_a_count_stops_at_its_cap(desk):
    for _ in range(4):
        desk.ask("falcon")

    with desk.scope:
        assert str(Selection(words="falcon").count(cap=3)) == "3+"
        assert str(Selection(words="falcon").count(cap=4)) == "4"
        assert str(Selection().count(cap=3)) == "3+"


def test_a_batch_goes_on_after_a_task(desk):
    tasks = [desk.ask("falcon") for _ in range(5)]

    with desk.scope:
        for selection in (Selection(), Selection(words="falcon")):
            first = selection.batch(None, 2)
            second = selection.batch(first[-1].pk, 2)
            third = selection.batch(second[-1].pk, 2)
            assert [*first, *second, *third] == tasks[::-1]


def test_a_search_leaves_nothing_behind_in_its_transaction(desk):
    desk.ask("falcon")
    kept = desk.ask("kestrel")

    with desk.scope:
        Selection(words="falcon").page(QueryDict(""))
        assert SearchDocument.objects.count() == 2
        history.index(kept)
        assert Selection(words="kestrel").count().number == 1
