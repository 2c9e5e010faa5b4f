from collections.abc import Iterator

import pytest

from tests.runtime.llm.model_server import ModelServer


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server
    assert server.unexpected == 0, "the model was asked more often than the test says"
    assert not server.turns, "the model was not asked as often as the test says"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr("agenhood.runtime.drivers.llm.asking.LOOK_SECONDS", 0.02)
