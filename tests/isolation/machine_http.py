"""Rules of the isolation state machine that go through the console's pages, as its members."""

import re
from typing import Any
from uuid import UUID

from django.urls import reverse
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.isolation.machine_base import Aim, Machine, aims, numbers
from tests.isolation.machine_world import (
    EDITORS,
    HERE,
    READERS,
    ROLES,
    THREAD,
    WORKSPACES,
    Row,
    marked,
)

Visit = tuple[str, str]  # who goes where

people = st.sampled_from(sorted(ROLES))
members = st.sampled_from([(name, slug) for name, roles in ROLES.items() for slug in roles])
strangers = st.tuples(people, st.sampled_from([*WORKSPACES, "nowhere"]))
visits = st.one_of(members, members, strangers)
threads = st.sampled_from([HERE, HERE, HERE, HERE, THREAD])
SIDE_BY_SIDE = {"alder": "ann", "birch": "dora", "cedar": "egon"}
PROJECT_LINK = re.compile(r'href="/w/([a-z]+)/projects/([0-9a-f-]{36})/"')
ANY_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class HttpRules(Machine):
    @rule(
        visit=visits,
        via=threads,
        archived=st.booleans(),
        words=st.sampled_from(["", "SECRET", *WORKSPACES, "-1"]),
        partial=st.booleans(),
    )
    def list_and_search(
        self, visit: Visit, via: str, archived: bool, words: str, partial: bool
    ) -> None:
        person, slug = visit
        query = {"q": words} | ({"state": "archived"} if archived else {})
        headers = {"HX-Request": "true"} if partial else {}
        answer = self.ask(
            person, "get", "fleet:project-list", slug, via=via, data=query, headers=headers
        )
        if self.told(answer, person, slug, READERS):
            shown = {UUID(pk) for where, pk in PROJECT_LINK.findall(answer.text) if where == slug}
            assert shown == {
                pk
                for pk, row in self.rows(slug).items()
                if row.archived is archived and words.lower() in row.name
            }

    @rule(visit=visits, via=threads)
    def home(self, visit: Visit, via: str) -> None:
        person, slug = visit
        answer = self.ask(person, "get", "workspaces:home", slug, via=via)
        if self.told(answer, person, slug, set(ROLES[person].values())):
            active = [pk for pk, row in self.rows(slug).items() if not row.archived]
            linked = PROJECT_LINK.findall(answer.text)
            assert {where for where, _ in linked} <= {slug}
            assert {UUID(pk) for _, pk in linked} <= set(active)

    @rule(visit=visits)
    def members(self, visit: Visit) -> None:
        person, slug = visit
        answer = self.ask(person, "get", "workspaces:member-list", slug)
        if self.told(answer, person, slug, READERS):
            named = set(re.findall(r"([a-z]+)@example\.test", answer.text)) & set(ROLES)
            assert named - {person} == {n for n, r in ROLES.items() if slug in r} - {person}

    @rule(person=people, words=st.sampled_from(["", "e", *WORKSPACES]))
    def picker(self, person: str, words: str) -> None:
        answer = self.world.clients[person].get(reverse("workspaces:list"), {"q": words})
        assert answer.status_code == 200
        assert marked(answer.text) == set()
        linked = set(re.findall(r'href="/w/([a-z]+)/', answer.text))
        assert linked <= set(ROLES[person])

    @rule(visit=visits, aim=aims, via=threads)
    def detail(self, visit: Visit, aim: Aim, via: str) -> None:
        person, slug = visit
        pk = self.pk(aim)
        answer = self.ask(person, "get", "fleet:project-detail", slug, pk, via=via)
        if self.told(answer, person, slug, READERS, pk):
            row = self.rows(slug)[pk]
            assert row.name in answer.text
            assert (">Archived<" in answer.text) is row.archived

    @rule(visit=visits, aim=aims, page=st.sampled_from(["rename", "delete"]))
    def form(self, visit: Visit, aim: Aim, page: str) -> None:
        person, slug = visit
        pk = self.pk(aim)
        answer = self.ask(person, "get", f"fleet:project-{page}", slug, pk)
        if self.told(answer, person, slug, EDITORS, pk):
            assert self.rows(slug)[pk].name in answer.text

    @rule(visit=visits, via=threads, whose=st.sampled_from(WORKSPACES))
    def create_on_a_page(self, visit: Visit, via: str, whose: str) -> None:
        """With a field too many, which names a workspace."""
        person, slug = visit
        name = self.held.fresh_name(slug)
        sent = {"name": name, "workspace": str(self.world.ids[whose])}
        sent["workspace_id"] = sent["workspace"]
        answer = self.ask(person, "post", "fleet:project-create", slug, via=via, data=sent)
        if self.told(answer, person, slug, EDITORS, done=302):
            where, pk = PROJECT_LINK.findall(f'href="{answer.url}"')[0]
            assert where == slug
            self.held.put(slug, UUID(pk), Row(name))

    @rule(visit=visits, number=numbers)
    def create_one_that_is_there(self, visit: Visit, number: int) -> None:
        person, slug = visit
        taken = self.held.nth(slug, number) if slug in WORKSPACES else None
        if taken is None or taken not in self.rows(slug):
            return
        sent = {"name": self.rows(slug)[taken].name.upper()}
        answer = self.ask(person, "post", "fleet:project-create", slug, data=sent)
        self.told(answer, person, slug, EDITORS, done=422)

    @rule(visit=visits, aim=aims, via=threads, whose=st.sampled_from(WORKSPACES))
    def rename(self, visit: Visit, aim: Aim, via: str, whose: str) -> None:
        person, slug = visit
        pk, name = self.pk(aim), self.held.fresh_name(slug)
        sent = {"name": name, "id": str(self.held.nth(whose, 0))}
        sent["workspace"] = str(self.world.ids[whose])
        answer = self.ask(person, "post", "fleet:project-rename", slug, pk, via=via, data=sent)
        if self.told(answer, person, slug, EDITORS, pk, done=302):
            self.change(slug, pk, name=name)

    @rule(visit=visits, aim=aims, via=threads, to=st.sampled_from(["archive", "restore"]))
    def archive_or_restore(self, visit: Visit, aim: Aim, via: str, to: str) -> None:
        person, slug = visit
        pk = self.pk(aim)
        answer = self.ask(person, "post", f"fleet:project-{to}", slug, pk, via=via)
        if self.told(answer, person, slug, EDITORS, pk, done=302):
            self.change(slug, pk, archived=to == "archive")

    @rule(visit=visits, aim=aims, via=threads)
    def delete_on_a_page(self, visit: Visit, aim: Aim, via: str) -> None:
        person, slug = visit
        pk = self.pk(aim)
        answer = self.ask(person, "post", "fleet:project-delete", slug, pk, via=via)
        if self.told(answer, person, slug, EDITORS, pk, done=302):
            self.remove(slug, [pk])

    @rule(order=st.permutations(sorted(SIDE_BY_SIDE)))
    def requests_side_by_side(self, order: list[str]) -> None:
        """Requests for three workspaces at once, each in a thread of its own."""
        answers = self.world.at_once(
            [
                lambda s=slug: self.ask(SIDE_BY_SIDE[s], "get", "fleet:project-list", s)
                for slug in order
            ]
        )
        for slug, answer in zip(order, answers, strict=True):
            assert self.told(answer, SIDE_BY_SIDE[slug], slug, READERS)

    def ask(
        self, person: str, method: str, name: str, *args: Any, via: str = HERE, **kwargs: Any
    ) -> Any:
        client = self.world.clients[person]
        address = reverse(name, args=args)
        return self.world.apart(via, lambda: getattr(client, method)(address, **kwargs))

    def told(
        self,
        answer: Any,
        person: str,
        slug: str,
        may: set[Any],
        pk: UUID | None = None,
        done: int = 200,
    ) -> bool:
        """Check the answer's status and that nothing foreign stands in it; return whether the
        request was one that had to succeed."""
        role = ROLES[person].get(slug)
        if role is None:
            expected = 404
        elif role not in may:
            expected = 403
        elif pk is not None and pk not in self.rows(slug):
            expected = 404
        else:
            expected = done
        assert answer.status_code == expected
        own = {slug} if expected in (200, 302, 422) else set()
        assert marked(answer.text) <= own
        named = {UUID(text) for text in ANY_ID.findall(answer.text)} - {pk}
        assert {self.held.owner_of[each] for each in named & set(self.held.owner_of)} <= own
        return expected == done
