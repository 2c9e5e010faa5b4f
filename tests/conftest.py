"""Fixtures for all tests. `db` is pytest-django's: one transaction, rolled back."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests import postgres

# Of programs that tests start; pytest's own settings are loaded by now: tests/settings.py.
os.environ["DJANGO_SETTINGS_MODULE"] = "agenhood.settings"


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    postgres.make_database()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database for tests that need real commits: several connections, threads, processes."""
    from django.db import connections

    with django_db_blocker.unblock():
        yield
        connections.close_all()
        postgres.empty_database()
