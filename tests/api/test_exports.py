"""Exports and saved views: what belongs to a person, asked for by that person's programs."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from tests.api.conftest import Program, token_of
from tests.factories import (
    ExportFactory,
    MembershipFactory,
    SavedViewFactory,
    ServiceAccountFactory,
    WorkspaceFactory,
)
from workspaces import files
from workspaces.audit.models import AuditEntry
from workspaces.exports.models import Export
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope
from workspaces.tokens.actions import create_token
from workspaces.tokens.scopes import grantable

FILE = b'{"number": 1}\n'


@pytest.fixture
def ann(db):
    return MembershipFactory(workspace=WorkspaceFactory(slug="acme"), role=Role.OPERATOR)


@pytest.fixture
def owner(ann):
    return MembershipFactory(workspace=ann.workspace, role=Role.OWNER)


def export_of(member, *, hours=1, **values):
    values = {"kind": "history"} | values
    export = ExportFactory(workspace=member.workspace, requested_by=member.user, **values)
    with workspace_scope(member.workspace_id):
        key = files.key_of(export.pk, 1)
        files.save("exports", key, ContentFile(FILE))
        expires_at = timezone.now() + timedelta(hours=hours)
        Export.objects.filter(pk=export.pk).update(
            state="ready", file=key, rows=1, size=len(FILE), expires_at=expires_at
        )
    return export


def account_of(owner, role=Role.OWNER):
    """Return a program of a service account that `owner` has made."""
    account = ServiceAccountFactory(workspace=owner.workspace, created_by=owner.user, role=role)
    with workspace_scope(owner.workspace_id, user_id=owner.user_id):
        scopes = grantable(role)
        _token, text = create_token(
            name="A program", scopes=scopes, by=owner, service_account=account
        )
    return Program(text)


def trail(member, **which):
    with workspace_scope(member.workspace_id):
        found = AuditEntry.objects.filter(**which).order_by("number")
        return list(found.values_list("action", "outcome"))


def test_an_export_is_asked_for_and_listed(ann, owner):
    program = Program(token_of(ann))
    export_of(owner)

    asked = program.post(
        "/exports", {"kind": "history", "format": "csv", "query": "state=failed&page=3"}
    )

    assert asked.status_code == 201, asked.text
    assert (asked.json()["state"], asked.json()["query"]) == ("queued", "state=failed")
    assert program.get("/exports").json()["items"] == [asked.json()]
    assert program.get(f"/exports/{asked.json()['id']}").json() == asked.json()
    assert program.get(f"/exports/{asked.json()['id']}/content").status_code == 409


def test_filters_that_are_wrong_are_named(ann):
    body = {"kind": "history", "format": "csv", "query": "from=2026-02-02&to=2026-01-01"}

    answer = Program(token_of(ann)).post("/exports", body)

    assert answer.status_code == 422
    assert answer.json()["errors"] == {"to": ["This day is before the first one."]}


def test_exports_under_way_are_few(ann):
    for _ in range(3):
        ExportFactory(workspace=ann.workspace, requested_by=ann.user)

    answer = Program(token_of(ann)).post("/exports", {"kind": "history", "format": "csv"})

    assert answer.status_code == 409
    assert "under way" in answer.json()["detail"]


def test_an_export_needs_the_right_to_its_rows(ann):
    body = {"kind": "history", "format": "csv"}
    narrow = Program(token_of(ann, ["export.own"]))
    export = export_of(ann)

    assert narrow.post("/exports", body).json()["detail"] == "This token needs history.export."
    answer = Program(token_of(ann)).post("/exports", body | {"kind": "audit"})
    assert answer.json()["detail"] == "This token needs audit.export."
    assert narrow.get(f"/exports/{export.pk}").status_code == 200
    assert narrow.get(f"/exports/{export.pk}/content").status_code == 403
    assert trail(ann, outcome="denied") == [("export.request", "denied")] * 2 + [
        ("export.download", "denied")
    ]


def test_a_file_is_downloaded_and_that_is_recorded(ann):
    export = export_of(ann)

    answer = Program(token_of(ann)).get(f"/exports/{export.pk}/content")

    assert (answer.status_code, answer.content) == (200, FILE)
    assert answer["Content-Type"] == "application/octet-stream"
    assert 'filename="acme-history-' in answer["Content-Disposition"]
    assert trail(ann, action="export.download") == [("export.download", "done")]


def test_a_file_that_has_expired_or_vanished_is_gone(ann):
    program, old, lost = Program(token_of(ann)), export_of(ann, hours=-1), export_of(ann)
    with workspace_scope(ann.workspace_id):
        files.delete("exports", files.key_of(lost.pk, 1))

    for export in (old, lost):
        answer = program.get(f"/exports/{export.pk}/content")
        assert answer.status_code == 410
    assert trail(ann, action="export.download") == []


def test_nothing_is_exported_from_a_suspended_workspace(ann):
    program, export = Program(token_of(ann)), export_of(ann)
    suspend(ann.workspace, "the invoice of May is open")

    assert program.get(f"/exports/{export.pk}").status_code == 200
    assert program.get(f"/exports/{export.pk}/content").status_code == 403
    assert program.post("/exports", {"kind": "history", "format": "csv"}).status_code == 403


def test_files_of_others_are_for_those_who_may_see_all(ann, owner):
    theirs = export_of(owner)
    mine = export_of(ann)

    assert Program(token_of(ann)).get(f"/exports/{theirs.pk}").status_code == 404
    assert Program(token_of(ann)).get(f"/exports/{theirs.pk}/content").status_code == 404
    assert Program(token_of(owner)).get(f"/exports/{mine.pk}/content").content == FILE
    own_only = Program(token_of(owner, ["export.own", "history.export"]))
    assert own_only.get(f"/exports/{mine.pk}/content").status_code == 404


def test_a_service_account_is_not_the_person_who_made_it(owner):
    operator = account_of(owner, Role.OPERATOR)
    export = export_of(owner)
    SavedViewFactory(workspace=owner.workspace, person=owner.user)

    for answer in (
        operator.get("/exports"),
        operator.get(f"/exports/{export.pk}"),
        operator.get(f"/exports/{export.pk}/content"),
        operator.post("/exports", {"kind": "history", "format": "csv"}),
    ):
        assert answer.status_code == 403
        assert answer.json()["detail"] == "Exports belong to people: ask with a person's token."
    for answer in (
        operator.get("/saved-views"),
        operator.post("/saved-views", {"name": "Mine"}),
    ):
        assert answer.status_code == 403
        assert "Saved views belong to people" in answer.json()["detail"]
    assert len(trail(owner, outcome="denied")) == 6


def test_saved_views_are_ones_own(ann, owner):
    theirs = SavedViewFactory(workspace=owner.workspace, person=owner.user)
    program = Program(token_of(ann))

    made = program.post("/saved-views", {"name": "Failures", "query": "state=failed&x=1"})

    assert (made.status_code, made.json()["query"]) == (201, "state=failed")
    assert program.get("/saved-views").json()["items"] == [made.json()]
    assert program.delete(f"/saved-views/{theirs.pk}").status_code == 404
    twice = program.post("/saved-views", {"name": "Failures"})
    assert twice.status_code == 422
    assert "already have a view" in twice.text
    assert program.delete(f"/saved-views/{made.json()['id']}").status_code == 204
    assert program.get("/saved-views").json()["items"] == []
