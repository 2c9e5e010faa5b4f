"""A fault of ours: a 500 that says no more than its id, nothing done, no secret in the log."""

import json

import pytest
from django.test import Client
from django.views.debug import ExceptionReporter

from agenhood.fleet.actions import credential as actions
from agenhood.fleet.models import Credential, Project
from tests.factories import WorkspaceFactory
from workspaces import scope
from workspaces.scope import workspace_scope

SECRET = "swordfish-of-the-api-0123456789"


@pytest.fixture
def acme(db):
    return WorkspaceFactory(slug="acme", name="Acme")


def test_a_failed_request_tells_nothing_and_undoes_everything(acme, program, caplog, monkeypatch):
    original = actions.create

    def create_and_fail(**kwargs):
        original(**kwargs)
        raise RuntimeError("in the middle")

    monkeypatch.setattr(actions, "create", create_and_fail)
    body = {"name": "Key", "kind": "token", "secret": {"token": SECRET}}

    answer = program(acme).post("/credentials", body, Idempotency_Key="one")

    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    assert "middle" not in answer.text
    assert SECRET not in answer.text + caplog.text
    (failure,) = [record for record in caplog.records if record.name == "agenhood.api.api"]
    report = ExceptionReporter(answer.wsgi_request, *failure.exc_info)
    assert SECRET not in report.get_traceback_text() + json.dumps(answer.json())
    with workspace_scope(acme.pk):
        assert not Credential.objects.exists()


def test_what_fails_as_the_answer_is_stored_is_told_in_the_same_form(acme, program, monkeypatch):
    """After the operation, where nothing of the API's own catches it."""

    def fail(*_args):
        raise RuntimeError("as the entries are stored")

    token = program(acme).token
    monkeypatch.setattr(scope, "_last_write", fail)

    answer = Client(raise_request_exception=False).post(
        "/api/v1/projects",
        {"name": "Kestrel"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )

    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    assert "entries" not in answer.text


def test_what_is_no_json_is_refused(acme, program):
    ann = program(acme)

    for broken in ("{", "[]", '"text"', "null", '{"name": "\\u0000"}', '{"name": 5}', "\ud800"):
        answer = ann.ask("POST", "/projects", None, Content_Type="application/json")
        assert answer.status_code in (400, 422)
        answer = _raw(ann, broken)
        assert answer.status_code in (400, 422), broken
    with workspace_scope(acme.pk):
        assert not Project.objects.exists()


def test_a_body_that_is_too_large_is_refused(acme, program, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    ann = program(acme)

    for headers in ({}, {"Idempotency_Key": "one"}):
        answer = ann.post("/projects", {"name": "x" * 2000}, **headers)
        assert answer.status_code == 413


def _raw(program, text):
    return Client().generic(
        "POST",
        "/api/v1/projects",
        text.encode("utf-8", "surrogatepass"),
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )


@pytest.mark.parametrize("query", ["actor=%00", "action=a%00", "target_id=%00", "cursor=%00"])
def test_a_null_character_is_refused(acme, program, query):
    assert program(acme).get(f"/audit?{query}").status_code == 422
