from tests.fleet.tasks.conftest import desk, foreign

__all__ = ["desk", "foreign"]
