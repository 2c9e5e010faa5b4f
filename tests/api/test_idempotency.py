import json
import threading
from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import connections
from django.utils import timezone

from agenhood.api.idempotency import forget_old_requests
from agenhood.api.models import IdempotentRequest
from agenhood.fleet.models import Project
from tests.api.conftest import Program, token_of
from tests.factories import MembershipFactory, WorkspaceFactory
from workspaces.audit.models import AuditEntry
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope
from workspaces.secrets import fingerprint


@pytest.fixture
def acme(db):
    return WorkspaceFactory(slug="acme", name="Acme")


def projects_of(workspace):
    with workspace_scope(workspace.pk):
        return Project.objects.count()


def test_the_same_create_again_is_done_once(acme, program):
    ann = program(acme)

    first = ann.post("/projects", {"name": "Birds"}, Idempotency_Key="one")
    again = ann.post("/projects", {"name": "Birds"}, Idempotency_Key="one")

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again["Idempotency-Replayed"] == "true"
    assert projects_of(acme) == 1


def test_a_key_is_for_one_request(acme, program):
    ann = program(acme)
    ann.post("/projects", {"name": "Birds"}, Idempotency_Key="one")

    assert ann.post("/projects", {"name": "Kites"}, Idempotency_Key="one").status_code == 422
    assert projects_of(acme) == 1


def test_a_key_of_another_token_is_another_key(acme, program):
    for name in ("Birds", "Kites"):
        answer = program(acme).post("/projects", {"name": name}, Idempotency_Key="one")
        assert answer.status_code == 201

    assert projects_of(acme) == 2


def test_a_refused_create_can_be_sent_again(acme, program):
    ann = program(acme)
    ann.post("/projects", {"name": "Birds"})

    refused = ann.post("/projects", {"name": "birds"}, Idempotency_Key="one")
    assert refused.status_code == 422
    assert "name" in refused.json()["errors"]
    assert ann.post("/projects", {"name": "Kites"}, Idempotency_Key="one").status_code == 201


def test_a_key_is_forgotten_after_a_day(acme, program):
    ann = program(acme)
    ann.post("/projects", {"name": "Birds"}, Idempotency_Key="one")
    with workspace_scope(acme.pk):
        kept = IdempotentRequest.objects.get()
        IdempotentRequest.objects.update(created_at=kept.created_at - timedelta(days=1, minutes=1))

    assert ann.post("/projects", {"name": "Kites"}, Idempotency_Key="one").status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 201])
def test_a_bad_key_is_refused(acme, program, key):
    answer = program(acme).post("/projects", {"name": "Birds"}, Idempotency_Key=key)

    assert answer.status_code == 400
    assert projects_of(acme) == 0


def test_two_at_once_make_one(committed_db):
    owner = MembershipFactory(workspace=WorkspaceFactory(slug="acme"), role=Role.OWNER)
    ann, answers = Program(token_of(owner)), []

    def send():
        answers.append(ann.post("/projects", {"name": "Birds"}, Idempotency_Key="one"))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert projects_of(owner.workspace) == 1


def test_an_answer_is_not_replayed_to_whoever_may_not_any_more(acme):
    ann = MembershipFactory(workspace=acme, role=Role.ADMIN)
    program = Program(token_of(ann))
    body = {"name": "Key", "kind": "password", "fields": {"user": "bob"}}
    body["secret"] = {"password": "hunter2"}
    assert program.post("/credentials", body, Idempotency_Key="one").status_code == 201
    with platform_scope("demote"):
        Membership.objects.filter(pk=ann.pk).update(role=Role.VIEWER)

    answer = program.post("/credentials", body, Idempotency_Key="one")

    assert answer.status_code == 403
    assert "bob" not in answer.text
    with workspace_scope(acme.pk):
        denied = AuditEntry.objects.order_by("-number").first()
        assert (denied.action, denied.outcome) == ("credential.create", "denied")


def test_what_is_stored_lets_nobody_guess_the_body(acme, program):
    body = {"name": "Birds"}
    program(acme).post("/projects", body, Idempotency_Key="one")
    guess = f"POST /api/v1/projects\n{json.dumps(body)}".encode()

    with workspace_scope(acme.pk):
        kept = IdempotentRequest.objects.get()
        assert kept.fingerprint == fingerprint(guess)
    assert kept.fingerprint != sha256(guess).hexdigest()


def test_answers_are_forgotten_by_themselves(acme, program):
    program(acme).post("/projects", {"name": "Birds"}, Idempotency_Key="one")
    with workspace_scope(acme.pk):
        forget_old_requests()
        assert IdempotentRequest.objects.count() == 1
        IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(days=1, minutes=1))

        forget_old_requests()

        assert IdempotentRequest.objects.count() == 0
