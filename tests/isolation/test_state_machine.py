"""Random operations as several members over three workspaces: nobody reads or changes anything
foreign, and everything is where it belongs after each of them.

`make isolation-soak` runs it at length; AGENHOOD_SOAK_EXAMPLES is the number of examples.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.isolation.machine_http import HttpRules
from tests.isolation.machine_orm import OrmRules
from tests.isolation.machine_sql import SqlRules
from tests.isolation.machine_world import World

pytestmark = pytest.mark.xdist_group("state_machine")

SOAK = int(os.environ.get("AGENHOOD_SOAK_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=SOAK or 200,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=not SOAK,
    print_blob=True,
)


class Isolation(OrmRules, SqlRules, HttpRules):
    """Every way in that there is."""


@pytest.fixture
def world(committed_db: None) -> Iterator[World]:
    world = World()
    yield world
    world.close()


def test_random_operations_stay_inside_their_workspace(world: World) -> None:
    run_state_machine_as_test(lambda: Isolation(world), settings=SETTINGS)
