"""Rules of the isolation state machine that go through the ORM."""

import asyncio
import contextvars
from dataclasses import dataclass
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, IntegrityError, ProgrammingError, connections
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import rule

from agenhood.fleet.models import Project
from tests.isolation.machine_base import (
    Aim,
    Machine,
    aims,
    many_aims,
    numbers,
    ways,
    workspaces,
)
from tests.isolation.machine_world import HERE, THREAD, WORKSPACES, Row
from workspaces.managers import WorkspaceMismatch
from workspaces.scope import NoActiveWorkspace, ScopeConflict, workspace_scope

ALL = "SELECT * FROM fleet_project"
Asking = tuple[int, list[str], str, str]
MISSED = (Project.DoesNotExist, DatabaseError)

# Asked anew each time, or kept by the queryset: both must be of whoever asks.
EVALUATIONS = {
    "list": lambda rows: {row.pk for row in rows},
    "bool, then list": lambda rows: {row.pk for row in rows} if rows else set(),
    "len, then list": lambda rows: {row.pk for row in rows} if len(rows) else set(),
    "clone": lambda rows: {row.pk for row in rows.all()},
    "values": lambda rows: set(rows.values_list("pk", flat=True)),
    "iterator": lambda rows: {row.pk for row in rows.iterator(chunk_size=1)},
    "subquery": lambda rows: {p.pk for p in Project.objects.filter(pk__in=rows.values("pk"))},
    "union": lambda rows: {p.pk for p in rows.order_by().union(Project.objects.order_by())},
}
ASK_ANEW = {"clone", "values", "iterator", "subquery", "union"}
askings = st.tuples(
    numbers,
    st.permutations(WORKSPACES),
    ways,
    st.sampled_from([*EVALUATIONS, *sorted(set(EVALUATIONS) - ASK_ANEW)]),
)


@dataclass
class Kept:
    """A queryset that outlives scopes, and whose rows it keeps by now."""

    rows: Any
    raw: bool
    whose: str = ""
    ids: frozenset[UUID] = frozenset()


class Abandoned(Exception):
    """What a failing view raises in the middle of its work."""


class OrmRules(Machine):
    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.kept = [
            Kept(Project.objects.all(), raw=False),
            Kept(Project.objects.raw(ALL), raw=True),
        ]
        self.instances: list[Project] = []

    # Reading

    @rule(workspace=workspaces, via=ways, aim=aims)
    def get(self, workspace: str, via: str, aim: Aim) -> None:
        pk = self.pk(aim)
        if pk not in self.rows(workspace):
            self.refused(Project.DoesNotExist, workspace, via, lambda: Project.objects.get(pk=pk))
            return
        found = self.inside(workspace, via, lambda: Project.objects.get(pk=pk))
        assert Row(found.name, bool(found.archived_at)) == self.rows(workspace)[pk]
        self.instances.append(found)

    @rule(workspace=workspaces, via=ways, wanted=many_aims)
    def filter(self, workspace: str, via: str, wanted: list[Aim]) -> None:
        pks = self.pks(wanted)
        own = set(self.own(workspace, pks))
        names = [rows[pk].name for rows in self.held.rows.values() for pk in pks if pk in rows]
        asked = self.inside(
            workspace,
            via,
            lambda: (
                {p.pk for p in Project.objects.filter(pk__in=pks)},
                set(Project.objects.in_bulk(pks)),
                set(Project.objects.filter(name__in=names).values_list("pk", flat=True)),
                set(Project.objects.exclude(pk__in=pks).values_list("pk", flat=True)),
                Project.objects.filter(pk__in=pks).count(),
                Project.objects.filter(workspace_id__isnull=False).count(),
            ),
        )
        rows = self.rows(workspace)
        assert asked == (own, own, own, set(rows) - own, len(own), len(rows))

    @rule(whose=workspaces, workspace=workspaces, via=ways)
    def filter_by_workspace(self, whose: str, workspace: str, via: str) -> None:
        found = self.inside(
            workspace,
            via,
            lambda: {p.pk for p in Project.objects.filter(workspace_id=self.world.ids[whose])},
        )
        assert found == (set(self.rows(workspace)) if whose == workspace else set())

    @rule(workspace=workspaces, via=ways, raw=st.booleans(), outside=st.booleans())
    def keep_a_queryset(self, workspace: str, via: str, raw: bool, outside: bool) -> None:
        """One of a module, a class, a cache: it is evaluated whenever, wherever."""

        def make() -> Any:
            return Project.objects.raw(ALL) if raw else Project.objects.order_by("name")

        rows = make() if outside else self.inside(workspace, via, make)
        self.kept.append(Kept(rows, raw))

    # With one argument and the first name, as Hypothesis plays such a rule the most often.
    @rule(asked=askings)
    def a_kept_queryset_follows_the_scope(self, asked: Asking) -> None:
        number, order, via, how = asked
        kept = self.kept[number % len(self.kept)]
        how = "list" if kept.raw else how
        for workspace in order[:2]:
            found = self.inside(workspace, via, lambda: EVALUATIONS[how](kept.rows))
            assert {self.held.owner_of[pk] for pk in found} <= {workspace}
            expected = set(self.rows(workspace))
            if how in ASK_ANEW:
                assert found == expected
                continue
            if kept.whose != workspace:  # else it may know its rows, as any queryset does
                kept.whose, kept.ids = workspace, frozenset(expected)
            assert found == kept.ids

    @rule(number=numbers, via=ways)
    def nothing_is_read_outside_a_scope(self, number: int, via: str) -> None:
        with pytest.raises(NoActiveWorkspace):
            self.world.apart(via, lambda: list(Project.objects.all()))
        kept = self.kept[number % len(self.kept)]
        with pytest.raises(ProgrammingError if kept.raw else NoActiveWorkspace):
            self.world.apart(via, lambda: list(kept.rows))

    # Writing

    @rule(workspace=workspaces, via=ways)
    def create(self, workspace: str, via: str) -> None:
        name = self.held.fresh_name(workspace)
        made = self.inside(workspace, via, lambda: Project.objects.create(name=name))
        assert made.workspace_id == self.world.ids[workspace]
        self.held.put(workspace, made.pk, Row(name))
        self.instances.append(made)

    @rule(workspace=workspaces, via=ways, whose=workspaces)
    def create_for(self, workspace: str, via: str, whose: str) -> None:
        """A row that says itself whose it is."""
        name = self.held.fresh_name(workspace)
        project = Project(name=name, workspace_id=self.world.ids[whose])
        if whose != workspace:
            self.refused(WorkspaceMismatch, workspace, via, project.save)
            return
        self.inside(workspace, via, project.save)
        self.held.put(workspace, project.pk, Row(name))

    @rule(workspace=workspaces, via=ways, intruder=st.sampled_from([None, *WORKSPACES]))
    def bulk_create(self, workspace: str, via: str, intruder: str | None) -> None:
        made = [Project(name=self.held.fresh_name(workspace)) for _ in range(2)]
        if intruder:
            made[1].workspace_id = self.world.ids[intruder]
        if intruder not in (None, workspace):
            self.refused(
                WorkspaceMismatch, workspace, via, lambda: Project.objects.bulk_create(made)
            )
            return
        self.inside(workspace, via, lambda: Project.objects.bulk_create(made))
        for project in made:
            self.held.put(workspace, project.pk, Row(project.name))

    @rule(workspace=workspaces, via=ways, aim=aims, key=st.sampled_from(["id", "workspace, id"]))
    def bulk_create_over(self, workspace: str, via: str, aim: Aim, key: str) -> None:
        """ON CONFLICT DO UPDATE, with an id that is taken here or elsewhere."""
        pk, name = self.pk(aim), self.held.fresh_name(workspace)

        def upsert() -> Any:
            return Project.objects.bulk_create(
                [Project(pk=pk, name=name)],
                update_conflicts=True,
                unique_fields=key.split(", "),
                update_fields=["name"],
            )

        if key == "id":
            self.refused(WorkspaceMismatch, workspace, via, upsert)
            return
        if self.held_elsewhere(workspace, pk):
            self.refused(IntegrityError, workspace, via, upsert)
            return
        self.inside(workspace, via, upsert)
        archived = pk in self.rows(workspace) and self.rows(workspace)[pk].archived
        self.held.put(workspace, pk, Row(name, archived))

    @rule(workspace=workspaces, via=ways, aim=aims)
    def update_or_create(self, workspace: str, via: str, aim: Aim) -> None:
        pk, name = self.pk(aim), self.held.fresh_name(workspace)

        def write() -> Any:
            return Project.objects.update_or_create(pk=pk, defaults={"name": name})

        if self.held_elsewhere(workspace, pk):
            self.refused(IntegrityError, workspace, via, write)
            return
        _, created = self.inside(workspace, via, write)
        assert created == (pk not in self.rows(workspace))
        archived = not created and self.rows(workspace)[pk].archived
        self.held.put(workspace, pk, Row(name, archived))

    @rule(workspace=workspaces, via=ways, aim=aims)
    def reuse_a_name(self, workspace: str, via: str, aim: Aim) -> None:
        """A name is taken in its own workspace, and free in others, which do not know of it."""
        pk = self.pk(aim)
        names = [rows[pk].name for rows in self.held.rows.values() if pk in rows]
        if not names:
            return
        own = pk in self.rows(workspace)

        def work() -> tuple[UUID, bool]:
            found, created = Project.objects.get_or_create(name=names[0])
            if created:
                Project(pk=found.pk, workspace_id=found.workspace_id).delete()
            return found.pk, created

        found, created = self.inside(workspace, via, work)
        assert created is not own
        assert (found == pk) is own
        if own:
            again = Project(name=names[0].upper())
            self.refused(IntegrityError, workspace, via, again.save)

    @rule(workspace=workspaces, via=ways, wanted=many_aims, archived=st.booleans())
    def update(self, workspace: str, via: str, wanted: list[Aim], archived: bool) -> None:
        pks = self.pks(wanted)
        at = timezone.now() if archived else None
        own = self.own(workspace, pks)
        touched = self.inside(
            workspace, via, lambda: Project.objects.filter(pk__in=pks).update(archived_at=at)
        )
        assert touched == len(own)
        for pk in own:
            self.change(workspace, pk, archived=archived)

    @rule(workspace=workspaces, via=ways, archived=st.booleans())
    def update_everything(self, workspace: str, via: str, archived: bool) -> None:
        at = timezone.now() if archived else None
        touched = self.inside(workspace, via, lambda: Project.objects.update(archived_at=at))
        assert touched == len(self.rows(workspace))
        for pk in list(self.rows(workspace)):
            self.change(workspace, pk, archived=archived)

    @rule(workspace=workspaces, via=ways, wanted=many_aims)
    def delete(self, workspace: str, via: str, wanted: list[Aim]) -> None:
        pks = self.pks(wanted)
        own = self.own(workspace, pks)
        gone, _ = self.inside(workspace, via, lambda: Project.objects.filter(pk__in=pks).delete())
        assert gone == len(own)
        self.remove(workspace, own)

    @rule(workspace=workspaces, via=ways, aim=aims, forced=st.booleans())
    def save_with_a_forged_id(self, workspace: str, via: str, aim: Aim, forced: bool) -> None:
        """A form's hidden field, a client's JSON: somebody else's id on an object of one's own."""
        pk, name = self.pk(aim), self.held.fresh_name(workspace)
        forged = Project(pk=pk, name=name, workspace_id=self.world.ids[workspace])
        forged._state.adding = False
        own = pk in self.rows(workspace)
        if self.held_elsewhere(workspace, pk) or (forced and not own):
            self.refused(DatabaseError, workspace, via, lambda: forged.save(force_update=forced))
            return
        fields = ["name"] if own else None
        self.inside(workspace, via, lambda: forged.save(update_fields=fields))
        archived = own and self.rows(workspace)[pk].archived
        self.held.put(workspace, pk, Row(name, archived))

    @rule(workspace=workspaces, via=ways, number=numbers, how=st.sampled_from(["save", "delete"]))
    def write_an_instance_read_before(
        self, workspace: str, via: str, number: int, how: str
    ) -> None:
        """An instance in a cache or a global, written in whichever workspace comes next."""
        if not self.instances:
            return
        project = self.instances[number % len(self.instances)]
        own = project.workspace_id == self.world.ids[workspace]
        if not own:
            self.refused(WorkspaceMismatch, workspace, via, getattr(project, how))
            self.refused(Project.DoesNotExist, workspace, via, project.refresh_from_db)
            return
        self.instances.remove(project)
        if project.pk not in self.rows(workspace):
            self.refused(MISSED, workspace, via, lambda: project.save(update_fields=["name"]))
        elif how == "delete":
            pk = project.pk  # which delete() takes off the instance
            self.inside(workspace, via, project.delete)
            self.remove(workspace, [pk])
        else:
            self.inside(workspace, via, lambda: project.save(update_fields=["name"]))
            self.change(workspace, project.pk, name=project.name)

    @rule(workspace=workspaces, via=ways, number=numbers, to=workspaces)
    def move_to_another_workspace(self, workspace: str, via: str, number: int, to: str) -> None:
        pk, there = self.held.nth(workspace, number), self.world.ids[to]
        if pk not in self.rows(workspace) or to == workspace:
            return

        def move() -> None:
            project = Project.objects.get(pk=pk)
            project.workspace_id = there
            project.save()

        self.refused(WorkspaceMismatch, workspace, via, move)
        self.refused(
            WorkspaceMismatch,
            workspace,
            via,
            lambda: Project.objects.filter(pk=pk).update(workspace_id=there),
        )

    @rule(workspace=workspaces, via=ways, wanted=many_aims)
    def fail_in_the_middle(self, workspace: str, via: str, wanted: list[Aim]) -> None:
        def work() -> None:
            Project.objects.create(name=self.held.fresh_name(workspace))
            Project.objects.filter(pk__in=self.pks(wanted)).delete()
            raise Abandoned

        self.refused(Abandoned, workspace, via, work)

    # Several at once

    @rule(order=st.permutations(WORKSPACES))
    def work_side_by_side(self, order: list[str]) -> None:
        """Threads that are all inside their scopes before the first of them reads or writes."""
        all_inside = Barrier(len(order), timeout=60)
        names = {workspace: self.held.fresh_name(workspace) for workspace in order}

        def work(workspace: str) -> tuple[UUID, set[UUID]]:
            with workspace_scope(self.world.ids[workspace]):
                all_inside.wait()
                made = Project.objects.create(name=names[workspace])
                all_inside.wait()
                return made.pk, {project.pk for project in Project.objects.all()}

        done = self.world.at_once([lambda w=workspace: work(w) for workspace in order])
        for workspace, (made, found) in zip(order, done, strict=True):
            self.held.put(workspace, made, Row(names[workspace]))
            assert found == set(self.rows(workspace))

    @rule(order=st.permutations(WORKSPACES))
    def tasks_that_share_a_connection_take_turns(self, order: list[str]) -> None:
        """The first to enter has the connection; the others are refused, not given its rows."""

        async def work(workspace: str) -> set[UUID] | None:
            try:
                async with workspace_scope(self.world.ids[workspace]):
                    return await sync_to_async(lambda: {p.pk for p in Project.objects.all()})()
            except ScopeConflict:
                return None

        async def all_of_them() -> list[set[UUID] | None]:
            try:
                return await asyncio.gather(*(work(workspace) for workspace in order))
            finally:
                await sync_to_async(connections.close_all)()

        found = asyncio.run(all_of_them())
        assert found[0] is not None
        for workspace, rows in zip(order, found, strict=True):
            assert rows is None or rows == set(self.rows(workspace))

    @rule(workspace=workspaces, other=workspaces)
    def a_scope_stays_in_its_thread(self, workspace: str, other: str) -> None:
        """A thread starts outside any scope; one that is handed the scope cannot use it."""

        def work() -> None:
            with pytest.raises(NoActiveWorkspace):
                self.world.apart(THREAD, lambda: list(Project.objects.all()))
            context = contextvars.copy_context()
            with pytest.raises(ScopeConflict):
                self.world.apart(THREAD, lambda: context.run(list, Project.objects.all()))
            if other != workspace:
                with pytest.raises(ScopeConflict):
                    self.world.inside(other, HERE, lambda: None)

        self.inside(workspace, HERE, work)
