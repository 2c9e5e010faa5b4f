"""Finding tasks: by words in them, by whose they are, by how they ended and when.

The query string says what is looked for, so that a page can be kept as an address or a saved view.
docs/adr/0015-search-under-row-security.md tells how words are looked up, and what is promised.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Left
from django.http import QueryDict
from django.utils import timezone

from agenhood.fleet.hostile import one_line
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import Task
from workspaces.paging import CAP, PAGE_SIZE, Count, Page, capped_count, page_by_newest

WORDS_LENGTH = 200
BEGINNING = 300  # characters of a task's input that its row in a list may show
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=(1 << 128) - 1)

UNFINISHED = set(Task.UNFINISHED)
FIND = "SELECT fleet_find_tasks(%s, %s::tsquery, %s, %s, %s, %s, %s)"
COUNT = "SELECT count(*) FROM fleet_find_tasks(%s, %s::tsquery, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks are asked for. `since` and `until` are days, both included, in `zone`: a name of
    the IANA database, the reader's unless given."""

    words: str = ""
    agent: UUID | None = None
    project: UUID | None = None
    person: UUID | None = None
    states: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    zone: str = ""

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def tasks(self) -> QuerySet[Task]:
        """Return the tasks that are selected by anything but words."""
        chosen = Q(id__gte=self._first_id, id__lt=self._end_id)
        for name in ("agent", "project"):
            if value := getattr(self, name):
                chosen &= Q(**{f"{name}_id": value})
        if self.person:
            chosen &= Q(created_by_id=self.person)
        if self.states:
            chosen &= Q(state__in=self.states)
        rows: QuerySet[Task] = Task.objects.filter(chosen)
        return rows

    def page(self, query: QueryDict, size: int = PAGE_SIZE) -> Page:
        """Return the page, newest first, that the query string's `after` or `before` asks for."""
        rows = self._rows(query, size + 1).select_related(*_SHOWN).defer("input", "output")
        return page_by_newest(rows.annotate(beginning=Left("input", BEGINNING)), query, size)

    def batch(self, older_than: UUID | None, size: int) -> list[Task]:
        """Return the newest `size` tasks that are older than a task's id: for exports."""
        position = QueryDict(f"after={older_than}" if older_than else "")
        rows = self._rows(position, size)
        if older_than:
            rows = rows.filter(pk__lt=older_than)
        return list(rows.select_related(*_SHOWN).order_by("-pk")[:size])

    def count(self, cap: int = CAP) -> Count:
        if not self.words:
            return capped_count(self.tasks(), cap)
        with connection.cursor() as cursor:
            cursor.execute(COUNT, self._asked(FIRST_ID, LAST_ID, "any", cap + 1))
            (number,) = cursor.fetchone()
        return Count(min(number, cap), number > cap)

    def _rows(self, query: QueryDict, wanted: int) -> QuerySet[Task]:
        if not self.words:
            return self.tasks()
        backwards = bool(query.get("before"))
        start = _id(query.get("before") or query.get("after") or "")
        newer = start if backwards and start else FIRST_ID
        older = start if not backwards and start else LAST_ID
        ordering = "oldest" if backwards else "newest"
        found = RawSQL(FIND, self._asked(newer, older, ordering, wanted))  # noqa: S611 - fixed SQL
        rows: QuerySet[Task] = Task.objects.filter(pk__in=found)
        return rows

    def _asked(self, newer: UUID, older: UUID, ordering: str, wanted: int) -> list[Any]:
        # Ids are compared with < and >: the lowest of a day is included by the one before it.
        lowest = UUID(int=max(self._first_id.int - 1, 0))
        told_apart = set(self.states).isdisjoint(UNFINISHED)
        return [
            self.words,
            self._marks,
            None if told_apart else list(self.states),
            min(older, self._end_id),
            max(newer, lowest),
            ordering,
            wanted,
        ]

    @property
    def _marks(self) -> str:
        """What a document must have beside words, as a tsquery."""
        facets = {"agent": self.agent, "project": self.project, "person": self.person}
        marks = [f"'@{kind}:{value}'" for kind, value in facets.items() if value]
        states = {"unfinished" if state in UNFINISHED else state for state in self.states}
        if states:
            marks.append("(" + " | ".join(f"'@state:{state}'" for state in sorted(states)) + ")")
        return " & ".join(marks)

    @property
    def _first_id(self) -> UUID:
        return self._id_at_midnight(self.since) if self.since else FIRST_ID

    @property
    def _end_id(self) -> UUID:
        return self._id_at_midnight(self.until + timedelta(days=1)) if self.until else LAST_ID

    def _id_at_midnight(self, day: date) -> UUID:
        zone = ZoneInfo(self.zone) if self.zone else None
        return first_id_at(timezone.make_aware(datetime.combine(day, time.min), zone))


_SHOWN = ("conversation", "agent", "project")

# The beginning of a text that has one of the words, from a little before it. Texts are read as far
# as they are found by: migrations/0005_history.py.
SNIPPETS = """
SELECT wanted.id, hit.said
  FROM unnest(%s::uuid[]) AS wanted (id)
 CROSS JOIN LATERAL (
        SELECT substr(said, greatest(regexp_instr(said, %s, 1, 1, 0, 'i') - 60, 1), 240) AS said
          FROM (SELECT left(input, 20000) AS said FROM fleet_task WHERE id = wanted.id
                 UNION ALL
                SELECT left(output, 20000) FROM fleet_task WHERE id = wanted.id
                 UNION ALL
                SELECT * FROM (SELECT left(text, 2000) FROM fleet_event
                                WHERE task_id = wanted.id AND number <= 2000
                                  AND kind NOT IN ('usage', 'state')
                                ORDER BY number) AS events
               ) AS texts
         WHERE said ~* %s
         LIMIT 1) AS hit
"""


def snippets(words: str, tasks: Sequence[Task]) -> dict[UUID, list[tuple[str, bool]]]:
    """Return for each task that says one of the words where it does: pieces of text, hits marked.

    Tasks that are found by their title only, or by another form of a word, may have none.
    """
    typed = _words(words)
    if not typed or not tasks:
        return {}
    pattern = rf"\m(?:{'|'.join(typed)})"
    with connection.cursor() as cursor:
        cursor.execute(SNIPPETS, [[task.pk for task in tasks], pattern, pattern])
        found = cursor.fetchall()
    return {pk: marked(said, words) for pk, said in found}


def marked(text: str, words: str) -> list[tuple[str, bool]]:
    """Split a text at what begins with one of the words, which are marked True."""
    typed = _words(words)
    text = one_line(text)
    if not typed:
        return [(text, False)]
    pieces = re.split(rf"\b((?:{'|'.join(typed)})\w*)", text, flags=re.IGNORECASE)
    return [(piece, bool(number % 2)) for number, piece in enumerate(pieces) if piece]


def _words(words: str) -> list[str]:
    """Return what is to be found of the words typed, as patterns: no more than their letters.

    The usual English endings are left off, as the search does with its own rules.
    """
    wanted = re.sub(r"(?:^|\s)-\S+", " ", words)
    typed = dict.fromkeys(re.findall(r"\w+", wanted.casefold()))
    typed.pop("or", None)
    stems = {re.sub(r"(?<=\w{3})(?:ing|ed|es|s|e)$", "", word) for word in typed}
    return sorted(stems, key=len, reverse=True)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
