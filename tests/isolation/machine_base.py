"""What all rules of the isolation state machine share: the model, and the check after each step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connection, connections
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from uuid_utils.compat import uuid7

from tests.isolation.machine_world import (
    HERE,
    TASK,
    THREAD,
    WORKSPACES,
    Holdings,
    Row,
    World,
)
from workspaces.scope import open_scope

T = TypeVar("T")

workspaces = st.sampled_from(WORKSPACES)
numbers = st.integers(0, 5)
ways = st.sampled_from([HERE, HERE, HERE, HERE, THREAD, TASK])  # the others connect each time
# Whose row, and which of them; "nobody" is an id that nothing has.
aims = st.tuples(st.sampled_from([*WORKSPACES, "nobody"]), numbers)
many_aims = st.lists(aims, min_size=1, max_size=4, unique=True)

Aim = tuple[str, int]

UNTOLD = (
    "SELECT coalesce(current_setting('agenhood.workspace_id', true), ''),"
    " coalesce(current_setting('agenhood.user_id', true), ''),"
    " current_setting('role'), current_setting('transaction_read_only')"
)


class Machine(RuleBasedStateMachine):
    """Rules act for one workspace, at rows of any; each checks what it got, against the model."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.held = Holdings()
        world.empty()

    def teardown(self) -> None:
        connections.close_all()

    @initialize(counts=st.tuples(*[st.integers(1, 3)] * len(WORKSPACES)))
    def seed(self, counts: tuple[int, ...]) -> None:
        for workspace, count in zip(WORKSPACES, counts, strict=True):
            for number in range(count):
                pk, row = uuid7(), Row(self.held.fresh_name(workspace), archived=number == 1)
                self.world.seed(workspace, pk, row)
                self.held.put(workspace, pk, row)

    @invariant()
    def everything_is_where_it_belongs(self) -> None:
        assert self.world.stored() == self.held.rows
        assert self.world.stored_control() == self.world.control

    @invariant()
    def nothing_is_left_of_a_scope(self) -> None:
        assert open_scope() is None
        assert not connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute(UNTOLD)
            assert cursor.fetchone() == ("", "", "none", "off")

    def rows(self, workspace: str) -> dict[UUID, Row]:
        return self.held.rows[workspace]

    def pk(self, aim: Aim) -> UUID:
        whose, number = aim
        return uuid7() if whose == "nobody" else self.held.nth(whose, number)

    def pks(self, aims: list[Aim]) -> list[UUID]:
        return list(dict.fromkeys(self.pk(aim) for aim in aims))

    def own(self, workspace: str, pks: list[UUID]) -> list[UUID]:
        return [pk for pk in pks if pk in self.rows(workspace)]

    def inside(self, workspace: str, via: str, operation: Callable[[], T]) -> T:
        return self.world.inside(workspace, via, operation)

    def refused(
        self,
        errors: type[Exception] | tuple[type[Exception], ...],
        workspace: str,
        via: str,
        operation: Callable[[], Any],
    ) -> None:
        with pytest.raises(errors):
            self.world.inside(workspace, via, operation)

    def held_elsewhere(self, workspace: str, pk: UUID) -> bool:
        return any(pk in rows for name, rows in self.held.rows.items() if name != workspace)

    def change(self, workspace: str, pk: UUID, **changes: Any) -> None:
        self.held.put(workspace, pk, replace(self.rows(workspace)[pk], **changes))

    def remove(self, workspace: str, pks: list[UUID]) -> None:
        for pk in pks:
            del self.rows(workspace)[pk]
