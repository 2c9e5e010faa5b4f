"""Two workspaces, and the same two with one of the layers between them taken away."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from agenhood.launcher.cluster import SUPERUSER
from tests import postgres
from tests.isolation.sides import Sides, make_sides
from workspaces import models as workspace_models
from workspaces.managers import ScopedManager
from workspaces.scope import current_scope


@pytest.fixture
def sides(db: None) -> Sides:
    return make_sides()


@pytest.fixture
def committed_sides(committed_db: None) -> Sides:
    return make_sides()


@pytest.fixture
def superuser_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[BaseDatabaseWrapper]:
    """The console's connection is the superuser's, whom row security does not bind.

    All that happens is one transaction, rolled back: nobody else sees what is planted in it, not
    even a role's attributes. `SET LOCAL SESSION AUTHORIZATION` makes it the login of any role.
    """
    login = {"USER": SUPERUSER, "PASSWORD": "", "HOST": str(postgres.server.socket_folder)}
    settings = {**connections.settings["default"], **login}
    before = connections["default"]
    connections["default"] = type(before)(settings, "default")
    with django_db_blocker.unblock():
        try:
            with transaction.atomic():
                yield connections["default"]
                transaction.set_rollback(True)
        finally:
            connections["default"].close()
            connections["default"] = before


@pytest.fixture
def become(superuser_db: BaseDatabaseWrapper) -> Callable[[str], None]:
    """Go on as another login; only until the next one or the test's end."""

    def become(role: str) -> None:
        with superuser_db.cursor() as cursor:
            cursor.execute("RESET SESSION AUTHORIZATION")
            cursor.execute("SELECT set_config('session_authorization', %s, true)", [role])

    return become


@pytest.fixture
def without_row_security(superuser_db: BaseDatabaseWrapper) -> None:
    """Managers and models stand alone."""


@pytest.fixture
def without_managers(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database stands alone: managers see everything, models are written as they are."""

    def get_queryset(manager: Any) -> Any:
        return super(ScopedManager, manager).get_queryset()

    def adopt(row: Any) -> None:
        row.workspace_id = row.workspace_id or current_scope().workspace_id

    monkeypatch.setattr(ScopedManager, "get_queryset", get_queryset)
    monkeypatch.setattr(workspace_models, "adopt", adopt)


LAYERS = ["db", "without_row_security", "without_managers"]


@pytest.fixture(params=LAYERS)
def layers(request: pytest.FixtureRequest) -> Sides:
    """The sides three times: with all layers, and with either of the two taken away."""
    request.getfixturevalue(request.param)
    return make_sides()


@pytest.fixture(params=["db", "without_managers"])
def database_layers(request: pytest.FixtureRequest) -> Sides:
    """For what Django writes past every manager, and the database alone holds."""
    request.getfixturevalue(request.param)
    return make_sides()
