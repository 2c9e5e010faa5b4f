"""Exports: asked for, written by a job, limited, expired; and what their files hold."""

import csv
import io
import json
import os
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import QueryDict
from django.utils import timezone

import tests.exports
from agenhood.fleet.models import Project
from tests.factories import ExportFactory, MembershipFactory, ProjectFactory, WorkspaceFactory
from tests.postgres import superuser
from tests.workers.run import jobs, work_off
from workspaces import files
from workspaces.exports import ExportRefused, in_batches, register, start_export
from workspaces.exports.actions import UNFINISHED_AT_ONCE
from workspaces.exports.formats import CsvWriter, NdjsonWriter
from workspaces.exports.jobs import expire_exports, expire_here, sweep_here
from workspaces.exports.models import Export
from workspaces.managers import WorkspaceMismatch
from workspaces.models import Membership, Workspace
from workspaces.permissions import WorkspacePermission
from workspaces.roles import Role
from workspaces.scope import NoActiveWorkspace, platform_scope, workspace_scope


@pytest.fixture
def mine(committed_db):
    return MembershipFactory(role=Role.OPERATOR)


def scope_of(member):
    return workspace_scope(member.workspace_id, user_id=member.user_id)


def start(member, query="", kind_of_file="ndjson"):
    with scope_of(member):
        return start_export("probe", query, kind_of_file)


def stored(export):
    with workspace_scope(export.workspace_id):
        return Export.objects.get(pk=export.pk)


def content(export):
    found = stored(export)
    with workspace_scope(export.workspace_id), files.open_file("exports", found.file) as file:
        return file.read().decode()


def trail(workspace_id):
    with superuser() as past_everything:
        return past_everything.execute(
            "SELECT action, outcome FROM workspaces_auditentry"
            " WHERE workspace_id = %s AND action LIKE 'export%%' ORDER BY number",
            [workspace_id],
        ).fetchall()


# Asking


def test_an_export_is_written_by_a_job_with_the_rows_of_its_workspace(mine):
    ProjectFactory(name="Kestrel")
    for name in ("Harrier", "Kite"):
        ProjectFactory(workspace=mine.workspace, name=name)

    export = start(mine)
    assert stored(export).state == "queued"
    work_off()

    lines = [json.loads(line) for line in content(export).splitlines()]
    done = stored(export)
    assert [line["name"] for line in lines] == ["Kite", "Harrier"]
    assert (done.state, done.rows, done.size) == ("ready", 2, len(content(export)))
    assert done.expires_at - done.finished_at == pytest.approx(
        timedelta(hours=24), abs=timedelta(seconds=5)
    )
    assert trail(mine.workspace_id) == [("export.request", "done"), ("export.finish", "done")]
    assert jobs() == []


def test_an_export_holds_what_its_query_selects(mine):
    for name in ("Harrier", "Kite"):
        ProjectFactory(workspace=mine.workspace, name=name)

    export = start(mine, QueryDict("q=kite"), "csv")
    work_off()

    assert content(export).splitlines()[0] == '"name","created_at","archived"'
    assert [row["name"] for row in csv.DictReader(io.StringIO(content(export)))] == ["Kite"]


def test_an_export_without_rows_is_an_empty_file(mine):
    export = start(mine)
    work_off()

    assert (stored(export).state, content(export)) == ("ready", "")


def test_many_rows_are_read_in_batches_that_neither_lose_nor_repeat_one(mine):
    with scope_of(mine):
        Project.objects.bulk_create(Project(name=f"project-{n}") for n in range(1203))

    export = start(mine, "size=100")
    work_off()

    names = [json.loads(line)["name"] for line in content(export).splitlines()]
    assert len(names) == len(set(names)) == stored(export).rows == 1203


def test_an_export_needs_a_workspace_and_somebody_who_may(mine, db):
    with pytest.raises(NoActiveWorkspace):
        start_export("probe", "", "csv")
    viewer = MembershipFactory(workspace=mine.workspace, role=Role.VIEWER)
    with pytest.raises(PermissionDenied):
        start(viewer)
    with pytest.raises(PermissionDenied), workspace_scope(mine.workspace_id):
        start_export("probe", "", "csv")
    stranger = MembershipFactory(role=Role.OWNER)
    with (
        pytest.raises(PermissionDenied),
        workspace_scope(mine.workspace_id, user_id=stranger.user_id),
    ):
        start_export("probe", "", "csv")


def test_an_export_of_no_kind_or_format_is_refused(mine):
    with scope_of(mine):
        with pytest.raises(LookupError):
            start_export("nothing", "", "csv")
        with pytest.raises(ExportRefused, match="NDJSON or CSV"):
            start_export("probe", "", "xlsx")
        with pytest.raises(ExportRefused, match="too long"):
            start_export("probe", "q=" + "x" * 2000, "csv")


def test_a_kind_is_registered_once():
    with pytest.raises(ValueError, match="twice"):
        register("probe", permission=WorkspacePermission.AUDIT_VIEW, rows=tests.exports.rows)


def test_a_workspace_has_few_exports_under_way_and_others_do_not_count(mine):
    other = MembershipFactory(role=Role.OPERATOR)
    colleague = MembershipFactory(workspace=mine.workspace, role=Role.ADMIN)
    for _ in range(UNFINISHED_AT_ONCE):
        start(mine)

    with pytest.raises(ExportRefused, match="under way"):
        start(colleague)
    assert start(other).state == "queued"
    work_off()
    assert start(colleague).state == "queued"


# What may go wrong


def test_an_export_is_refused_when_its_person_may_not_have_it_any_more(mine):
    ProjectFactory(workspace=mine.workspace, name="Harrier")
    export = start(mine)
    with platform_scope("test"):
        Membership.objects.filter(pk=mine.pk).update(role=Role.AUDITOR)  # may export, not these

    work_off()

    assert (stored(export).state, stored(export).file) == ("refused", "")
    assert stored(export).error == "You may not export this any more."
    assert trail(mine.workspace_id)[-1] == ("export.write", "denied")


def test_an_export_of_a_suspended_workspace_is_refused(mine):
    export = start(mine)
    with platform_scope("test"):
        Workspace.objects.filter(pk=mine.workspace_id).update(suspended_at=timezone.now())

    work_off()

    assert stored(export).state == "refused"


def test_an_export_that_grows_too_large_says_so_and_leaves_no_file(mine, settings):
    settings.EXPORT_MAX_BYTES = 10**6
    with scope_of(mine):
        Project.objects.bulk_create(Project(name=f"{n:>060}") for n in range(1500))
        settings.EXPORT_MAX_BYTES = 50_000

    export = start(mine)
    work_off()

    assert stored(export).state == "failed"
    assert "select less" in stored(export).error
    with scope_of(mine):
        assert list(files.keys("exports")) == []
    assert trail(mine.workspace_id)[-1] == ("export.finish", "failed")


def test_an_export_that_cannot_be_written_fails_for_good_and_tells_no_inside(mine, monkeypatch):
    monkeypatch.setattr("workspaces.jobs.RETRY_AFTER_SECONDS", (0,))

    def full(*args):
        raise OSError(28, "No space left on device: /secret/place")

    monkeypatch.setattr("workspaces.files.save", full)
    export = start(mine)
    work_off()

    assert stored(export).state == "failed"
    assert "secret" not in stored(export).error
    assert trail(mine.workspace_id)[-1] == ("export.write", "failed")


def test_an_attempt_that_was_overtaken_leaves_the_other_ones_file(mine, monkeypatch):
    """A worker that was taken for dead goes on: what it writes is not what people get."""
    export = start(mine)
    finish = files.save

    def overtaken(storage, key, target):
        finish(storage, key, target)
        with superuser() as past_everything:
            past_everything.execute(
                "UPDATE workspaces_export SET attempt = 2 WHERE id = %s", [export.pk]
            )

    monkeypatch.setattr("workspaces.files.save", overtaken)
    work_off()

    assert (stored(export).state, stored(export).attempt) == ("running", 2)
    with scope_of(mine):
        assert list(files.keys("exports")) == []


# Expiry


def ready(workspace, *, expires_in_hours, body=b"rows"):
    export = ExportFactory(workspace=workspace)
    with workspace_scope(workspace.pk):
        key = files.key_of(export.pk, 1)
        files.save("exports", key, ContentFile(body))
        Export.objects.filter(pk=export.pk).update(
            state="ready", file=key, expires_at=timezone.now() + timedelta(hours=expires_in_hours)
        )
    return stored(export)


def test_an_expired_file_is_removed_in_every_workspace_and_others_stay(committed_db):
    places = [WorkspaceFactory(), WorkspaceFactory()]
    old = [ready(place, expires_in_hours=-1) for place in places]
    fresh = [ready(place, expires_in_hours=1) for place in places]

    expire_exports()

    assert [stored(export).state for export in old] == ["expired", "expired"]
    assert not [export for export in old if storages["exports"].exists(export.file)]
    assert [stored(export).state for export in fresh] == ["ready", "ready"]
    assert all(storages["exports"].exists(export.file) for export in fresh)


def test_an_export_that_was_lost_does_not_wait_for_ever(db):
    export = ExportFactory()
    with workspace_scope(export.workspace_id):
        Export.objects.update(created_at=timezone.now() - timedelta(hours=25))
        expire_here()

    assert stored(export).state == "failed"


def test_old_exports_are_forgotten_with_no_file_left(db):
    export = ready(WorkspaceFactory(), expires_in_hours=-1)
    with workspace_scope(export.workspace_id):
        Export.objects.update(created_at=timezone.now() - timedelta(days=31))
        expire_here()

        assert not Export.objects.exists()
    assert not storages["exports"].exists(export.file)


def test_a_file_that_no_export_names_is_swept_away_a_day_later(db):
    export = ready(WorkspaceFactory(), expires_in_hours=1)
    theirs = ready(WorkspaceFactory(), expires_in_hours=1)
    with workspace_scope(export.workspace_id):
        lost = files.key_of(uuid4(), 1)
        files.save("exports", lost, ContentFile(b"half"))
        sweep_here()
        assert lost in files.keys("exports")
        for key in (lost, export.file, theirs.file):
            os.utime(storages["exports"].path(key), (0, 0))
        sweep_here()

        assert list(files.keys("exports")) == [export.file]
    assert storages["exports"].exists(theirs.file)


# Files


def written(writer, *rows):
    target = io.BytesIO()
    made = writer(target)
    for row in rows:
        made.write(row)
    return target.getvalue().decode()


@pytest.mark.parametrize(
    "start",
    ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "  =", "\0="],
)
def test_no_cell_of_a_csv_is_a_formula(start):
    text = written(CsvWriter, {f"{start}key": f'{start}HYPERLINK("https://evil.test")'})

    for row in csv.reader(io.StringIO(text)):
        assert row[0].startswith("'")


def test_a_csv_cell_cannot_break_out_of_its_quotes():
    value = 'harmless"\n=1+1,"x'
    text = written(CsvWriter, {"a": value, "b": "=2"})

    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], [value, "'=2"]]


def test_values_are_written_as_themselves():
    row = {
        "none": None,
        "yes": True,
        "number": -3,
        "money": Decimal("1.50"),
        "time": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "id": uuid4(),
        "list": ["=x", {"a": 1}],
        "text": "Zoë \u2028 \ud800",
    }

    as_json = json.loads(written(NdjsonWriter, row))
    (header, cells) = csv.reader(io.StringIO(written(CsvWriter, row)))

    assert as_json["time"] == "2026-01-02T03:04:05.678901+00:00"
    assert as_json["list"] == row["list"]
    assert as_json["text"] == "Zoë \u2028 ?"
    assert written(NdjsonWriter, row).count("\n") == 1
    assert dict(zip(header, cells, strict=True)) == {
        "none": "",
        "yes": "true",
        "number": "-3",
        "money": "1.50",
        "time": "2026-01-02T03:04:05.678901+00:00",
        "id": str(row["id"]),
        "list": '["=x", {"a": 1}]',
        "text": "Zoë \u2028 ?",
    }


def test_batches_stay_flat_in_memory(db):
    """Ten times the rows take no more memory at their highest: one batch is held at a time."""
    highest = []
    for count in (1_000, 10_000):
        workspace = WorkspaceFactory()
        with workspace_scope(workspace.pk):
            Project.objects.bulk_create(Project(name=f"project-{n}") for n in range(count))
            tracemalloc.start()
            assert sum(1 for _ in in_batches(Project.objects.all(), 200)) == count
            highest.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    assert highest[1] < highest[0] * 1.5


def test_a_file_of_another_workspace_is_opened_by_no_key(db):
    """Vector 29: the key is known, and the row that names it is not even asked."""
    theirs = ready(WorkspaceFactory(), expires_in_hours=1)

    with workspace_scope(WorkspaceFactory().pk):
        for touch in (files.open_file, files.delete):
            with pytest.raises(WorkspaceMismatch):
                touch("exports", theirs.file)
        with pytest.raises(WorkspaceMismatch):
            files.save("exports", theirs.file, ContentFile(b"mine"))
        assert list(files.keys("exports")) == []
    assert storages["exports"].exists(theirs.file)
