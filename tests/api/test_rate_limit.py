from uuid import uuid4

import pytest

from agenhood.api import middleware
from agenhood.api.rate_limit import RateLimit
from tests.factories import WorkspaceFactory


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_bucket_refills_with_time():
    clock, token = Clock(), uuid4()
    limit = RateLimit(per_second=2, burst=3, clock=clock)

    assert [limit.wait(token) for _ in range(4)] == [0, 0, 0, 1]
    clock.now += 0.5
    assert [limit.wait(token) for _ in range(2)] == [0, 1]
    clock.now += 60
    assert [limit.wait(token) for _ in range(4)] == [0, 0, 0, 1]


def test_a_token_has_a_bucket_of_its_own():
    limit = RateLimit(per_second=1, burst=1, clock=Clock())
    one, other = uuid4(), uuid4()

    assert limit.wait(one) == 0
    assert limit.wait(one) == 1
    assert limit.wait(other) == 0


def test_buckets_are_forgotten_the_oldest_first(monkeypatch):
    monkeypatch.setattr("agenhood.api.rate_limit.REMEMBERED", 2)
    limit = RateLimit(per_second=1, burst=1, clock=Clock())
    first, second, third = uuid4(), uuid4(), uuid4()
    for token in (first, second, third):
        limit.wait(token)

    assert limit.wait(third) == 1
    assert limit.wait(first) == 0


def test_too_many_requests_are_told_when_to_ask_again(db, program, monkeypatch):
    monkeypatch.setattr(middleware, "LIMIT", RateLimit(per_second=0.1, burst=2, clock=Clock()))
    acme = WorkspaceFactory(slug="acme")
    ann, bob = program(acme), program(acme)

    answers = [ann.get("/projects") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "10"
    assert bob.get("/projects").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_methods_that_an_address_does_not_have_are_refused(db, program, method):
    answer = program(WorkspaceFactory(slug="acme")).ask(method, "/projects")

    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"
