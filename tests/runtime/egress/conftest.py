from collections.abc import Iterator

import pytest

from tests.runtime.egress.internet import Internet


@pytest.fixture
def internet() -> Iterator[Internet]:
    internet = Internet()
    yield internet
    internet.close()
