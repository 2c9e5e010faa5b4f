"""Random operations as several members over three workspaces: nobody reads or changes anything
foreign, and everything is where it belongs after each of them.

`make isolation-soak` runs it at length; AGENHOOD_SOAK_EXAMPLES is the number of examples.
"""

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agenhood.fleet.models import Project
from agenhood.fleet.views import project
from tests.isolation.machine_http import HttpRules
from tests.isolation.machine_orm import OrmRules
from tests.isolation.machine_sql import SqlRules
from tests.isolation.machine_world import World
from workspaces import managers, models, scope
from workspaces.database.constraints import POLICY, POLICY_EXPRESSION
from workspaces.managers import ScopedManager
from workspaces.models import Membership

pytestmark = pytest.mark.xdist_group("state_machine")

SOAK = int(os.environ.get("AGENHOOD_SOAK_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=SOAK or 120,
    stateful_step_count=15,
    deadline=None,
    database=None,
    derandomize=not SOAK,
    print_blob=True,
)


class Isolation(OrmRules, SqlRules, HttpRules):
    """Every way in that there is."""


@pytest.fixture
def world(committed_db: None, caplog: pytest.LogCaptureFixture) -> Iterator[World]:
    caplog.set_level(logging.CRITICAL, logger="django.request")  # refusals are what is played
    world = World()
    yield world
    world.close()


def test_random_operations_stay_inside_their_workspace(world: World) -> None:
    run_state_machine_as_test(lambda: Isolation(world), settings=SETTINGS)


# That it bites: each of these faults, planted for one test, is found.


def no_manager_and_an_open_policy(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(
        ScopedManager, "get_queryset", lambda self: super(ScopedManager, self).get_queryset()
    )
    return "USING (true)"


def an_open_policy(patch: pytest.MonkeyPatch) -> str:
    return "USING (true)"


def no_check_of_what_is_written(patch: pytest.MonkeyPatch) -> str:
    return "WITH CHECK (true)"


def a_view_without_its_404(patch: pytest.MonkeyPatch) -> str:
    def get(projects: Any, pk: UUID) -> Project:
        return projects.filter(pk=pk).first() or Project(pk=pk, name="there is none")

    patch.setattr(project, "get_object_or_404", get)
    return ""


def everybody_may_everything(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(Membership, "may", lambda *_: True)
    return ""


def settings_that_outlive_their_transaction(patch: pytest.MonkeyPatch) -> str:
    def set_for_good(connection: Any, settings: dict[str, str], ending: str = "") -> None:
        with connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [name, value])

    patch.setattr(scope, "set_locally", set_for_good)
    return ""


def querysets_that_keep_rows_for_anybody(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(managers, "open_scope", lambda: None)
    return ""


def rows_that_are_written_as_they_are(patch: pytest.MonkeyPatch) -> str:
    patch.setattr(models, "adopt", lambda _: None)
    return ""


FAULTS: list[Callable[[pytest.MonkeyPatch], str]] = [
    no_manager_and_an_open_policy,
    an_open_policy,
    no_check_of_what_is_written,
    a_view_without_its_404,
    everybody_may_everything,
    settings_that_outlive_their_transaction,
    querysets_that_keep_rows_for_anybody,
    rows_that_are_written_as_they_are,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_random_operations_find_a_planted_fault(
    fault: Callable[[pytest.MonkeyPatch], str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alter = f"ALTER POLICY {POLICY} ON fleet_project"
    policy = fault(monkeypatch)
    if policy:
        world.superuser.execute(f"{alter} {policy}")
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception, DatabaseError)):
            run_state_machine_as_test(
                lambda: Isolation(world),
                settings=settings(SETTINGS, phases=[Phase.generate], report_multiple_bugs=False),
            )
    finally:
        world.superuser.execute(
            f"{alter} USING ({POLICY_EXPRESSION}) WITH CHECK ({POLICY_EXPRESSION})"
        )
