"""Databases to break: in a transaction that is rolled back, or in a copy that is dropped."""

from collections.abc import Iterator

import pytest

from tests import postgres
from tests.isolation.conftest import become as become
from tests.isolation.conftest import superuser_db as superuser_db

SCRATCH = f"{postgres.DATABASE}_scratch"


@pytest.fixture
def scratch() -> Iterator[str]:
    """A copy of the migrated database, for what cannot be rolled back. Returns its name."""
    postgres.make_database(SCRATCH)
    try:
        yield SCRATCH
    finally:
        with postgres.superuser("postgres") as connection:
            connection.execute(f"DROP DATABASE {SCRATCH} WITH (FORCE)")
