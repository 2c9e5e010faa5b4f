"""Rules of the isolation state machine in SQL, as the console's role: past every manager."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection
from hypothesis import strategies as st
from hypothesis.stateful import rule
from uuid_utils.compat import uuid7

from tests.isolation.machine_base import Aim, Machine, aims, many_aims, ways, workspaces
from tests.isolation.machine_world import ROLES, Row
from tests.isolation.sql import rows, run
from workspaces.scope import person_scope, platform_scope

INSERT = "INSERT INTO fleet_project (id, workspace_id, name, created_at) VALUES (%s, %s, %s, now())"
REFUSED = (ProgrammingError, IntegrityError)
SELECTS = {
    "all": "SELECT id FROM fleet_project",
    "union": "SELECT id FROM fleet_project UNION SELECT id FROM public.fleet_project",
    "not null": "SELECT id FROM fleet_project WHERE workspace_id IS NOT NULL OR true",
    "self join": "SELECT b.id FROM fleet_project AS a RIGHT JOIN fleet_project AS b ON a.id = b.id",
    "subquery": "SELECT id FROM fleet_project WHERE id IN (SELECT id FROM fleet_project)",
    "with": "WITH everything AS MATERIALIZED (TABLE fleet_project) SELECT id FROM everything",
    "lock": "SELECT id FROM fleet_project FOR UPDATE",
    "aggregate": "SELECT unnest(array_agg(id)) FROM fleet_project",
    "lateral": "SELECT p.id FROM workspaces_workspace AS w, LATERAL"
    " (SELECT * FROM fleet_project WHERE workspace_id = w.id) AS p",
    "returning": "UPDATE fleet_project SET name = name RETURNING id",
}
REFUSED_TO_THE_APP = [
    "TRUNCATE fleet_project",
    "ALTER TABLE fleet_project DISABLE ROW LEVEL SECURITY",
    "DROP POLICY workspace_isolation ON fleet_project",
    "ALTER TABLE fleet_project DISABLE TRIGGER ALL",
    "SET LOCAL ROLE agenhood_owner",
    "SET LOCAL ROLE agenhood_backup",
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL row_security = off; SELECT * FROM fleet_project",
    "CREATE VIEW public.everything AS SELECT * FROM fleet_project",
]


class SqlRules(Machine):
    @rule(workspace=workspaces, via=ways, how=st.sampled_from(sorted(SELECTS)))
    def select(self, workspace: str, via: str, how: str) -> None:
        found = self.inside(workspace, via, lambda: rows(SELECTS[how]))
        assert set(found) == set(self.rows(workspace))

    @rule(workspace=workspaces, via=ways, whose=workspaces)
    def select_by_workspace(self, workspace: str, via: str, whose: str) -> None:
        wanted = [self.world.ids[whose]]
        found = self.inside(
            workspace,
            via,
            lambda: rows("SELECT name FROM fleet_project WHERE workspace_id = %s", wanted),
        )
        own = [row.name for row in self.rows(workspace).values()]
        assert sorted(found) == (sorted(own) if whose == workspace else [])

    @rule(workspace=workspaces, via=ways)
    def select_who_is_there(self, workspace: str, via: str) -> None:
        """What says who belongs where is seen of this workspace only."""
        slugs, names = self.inside(
            workspace,
            via,
            lambda: (
                rows("SELECT slug FROM workspaces_workspace"),
                rows(
                    "SELECT name FROM workspaces_membership JOIN accounts_user AS u"
                    " ON u.id = user_id WHERE name <> ''"
                ),
            ),
        )
        members = {name for name, roles in ROLES.items() if workspace in roles}
        assert slugs == [workspace]
        assert set(names) & set(ROLES) == members

    @rule(workspace=workspaces, via=ways, wanted=many_aims)
    def update_rows(self, workspace: str, via: str, wanted: list[Aim]) -> None:
        pks = self.pks(wanted)
        own = self.own(workspace, pks)
        sql = "UPDATE fleet_project SET archived_at = now() WHERE id = ANY(%s)"
        assert self.inside(workspace, via, lambda: run(sql, [pks])) == len(own)
        for pk in own:
            self.change(workspace, pk, archived=True)

    @rule(workspace=workspaces, via=ways)
    def update_all_rows(self, workspace: str, via: str) -> None:
        sql = "UPDATE fleet_project SET archived_at = NULL"
        assert self.inside(workspace, via, lambda: run(sql)) == len(self.rows(workspace))
        for pk in list(self.rows(workspace)):
            self.change(workspace, pk, archived=False)

    @rule(workspace=workspaces, via=ways, to=workspaces, aim=aims)
    def move_rows(self, workspace: str, via: str, to: str, aim: Aim) -> None:
        pk = self.pk(aim)
        sql = "UPDATE fleet_project SET workspace_id = %s WHERE id = %s"

        def move() -> int:
            return run(sql, [self.world.ids[to], pk])

        if pk in self.rows(workspace) and to != workspace:
            self.refused(DatabaseError, workspace, via, move)
        else:
            assert self.inside(workspace, via, move) == (pk in self.rows(workspace))

    @rule(workspace=workspaces, via=ways, whose=workspaces)
    def delete_by_workspace(self, workspace: str, via: str, whose: str) -> None:
        wanted = [self.world.ids[whose]]
        gone = self.inside(
            workspace, via, lambda: run("DELETE FROM fleet_project WHERE workspace_id = %s", wanted)
        )
        assert gone == (len(self.rows(workspace)) if whose == workspace else 0)
        if whose == workspace:
            self.remove(workspace, list(self.rows(workspace)))

    @rule(workspace=workspaces, via=ways, wanted=many_aims)
    def delete_rows(self, workspace: str, via: str, wanted: list[Aim]) -> None:
        pks = self.pks(wanted)
        own = self.own(workspace, pks)
        sql = "DELETE FROM fleet_project WHERE id = ANY(%s) RETURNING id"
        assert set(self.inside(workspace, via, lambda: rows(sql, [pks]))) == set(own)
        self.remove(workspace, own)

    @rule(workspace=workspaces, via=ways, whose=workspaces)
    def insert(self, workspace: str, via: str, whose: str) -> None:
        pk, name = uuid7(), self.held.fresh_name(workspace)
        values = [pk, self.world.ids[whose], name]
        if whose != workspace:
            self.refused(ProgrammingError, workspace, via, lambda: run(INSERT, values))
            return
        assert self.inside(workspace, via, lambda: run(INSERT, values)) == 1
        self.held.put(workspace, pk, Row(name))

    @rule(
        workspace=workspaces,
        via=ways,
        aim=aims,
        conflict=st.sampled_from(
            ["DO NOTHING", "DO UPDATE SET name = EXCLUDED.name, workspace_id = %s"]
        ),
    )
    def insert_over(self, workspace: str, via: str, aim: Aim, conflict: str) -> None:
        """A row of one's own, at an id that may be taken: here, elsewhere or not at all."""
        pk, name, mine = self.pk(aim), self.held.fresh_name(workspace), self.world.ids[workspace]
        sql = f"{INSERT} ON CONFLICT (id) {conflict}"
        values = [pk, mine, name, mine][: sql.count("%s")]
        own = pk in self.rows(workspace)
        taken = own or self.held_elsewhere(workspace, pk)
        if taken and not own and conflict != "DO NOTHING":
            self.refused(REFUSED, workspace, via, lambda: run(sql, values))
            return
        written = not taken or conflict != "DO NOTHING"
        assert self.inside(workspace, via, lambda: run(sql, values)) == written
        if own and written:
            self.change(workspace, pk, name=name)
        elif written:
            self.held.put(workspace, pk, Row(name))

    @rule(workspace=workspaces, via=ways, sql=st.sampled_from(REFUSED_TO_THE_APP))
    def take_a_layer_away(self, workspace: str, via: str, sql: str) -> None:
        self.refused(DatabaseError, workspace, via, lambda: run(sql))

    @rule(via=ways, person=st.sampled_from(sorted(ROLES)))
    def look_without_a_workspace(self, via: str, person: str) -> None:
        """No scope, a person's and the platform's: an error each, never an empty answer."""

        def look(scope: Any = None) -> None:
            with pytest.raises(ProgrammingError):
                if scope is None:
                    rows("SELECT * FROM fleet_project")
                else:
                    with scope:
                        rows("SELECT * FROM fleet_project")

        self.world.apart(via, look)
        self.world.apart(via, lambda: look(person_scope(self.world.people[person].pk)))
        self.world.apart(via, lambda: look(platform_scope("a look around")))

    @rule(workspace=workspaces, via=ways)
    def nothing_is_left_after_an_error(self, workspace: str, via: str) -> None:
        """A failed statement, inside its scope and after it."""

        def work() -> None:
            with pytest.raises(DatabaseError):
                self.world.inside(workspace, "here", lambda: run("SELECT 1 / 0"))
            with pytest.raises(ProgrammingError, match="no active workspace"):
                rows("SELECT * FROM fleet_project")
            assert connection.in_atomic_block is False

        self.world.apart(via, work)
