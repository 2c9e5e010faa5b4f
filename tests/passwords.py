"""Password hashes that cost next to nothing, for tests that make dozens of them.

The hash is the product's own, argon2id; only its work is less.
"""

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 8)  # KiB
    monkeypatch.setattr(Argon2PasswordHasher, "parallelism", 1)
