"""Artifacts on their pages: listed, shown so that nothing runs, saved, deleted."""

import io
import zipfile

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agenhood.fleet.actions import artifact as actions
from agenhood.fleet.models import Artifact
from tests.factories import AgentFactory, ConversationFactory, MembershipFactory, TaskFactory
from tests.pages import page
from workspaces.audit.models import AuditEntry
from workspaces.downloads import IN_ONE_PIECE
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.cookie)</script>"


@pytest.fixture
def mine(client, db):
    member = MembershipFactory(role=Role.ADMIN)
    client.force_login(member.user)
    return member


@pytest.fixture
def task(mine):
    return TaskFactory(workspace=mine.workspace)


def stored(task, path="report.txt", content=b"There are three.\n"):
    with workspace_scope(task.workspace_id):
        return actions.store(task, path, io.BytesIO(content))


def key(artifact):
    return f"{artifact.workspace_id}/{artifact.pk}"


def url(name, member, *ids):
    return reverse(f"fleet:artifact-{name}", args=[member.workspace.slug, *ids])


def remaining(member):
    with workspace_scope(member.workspace_id):
        return sorted(Artifact.objects.values_list("path", flat=True))


# The list


def test_the_list_shows_the_workspaces_own_files_newest_first(client, mine, task):
    for path in ("first.txt", "second.txt"):
        stored(task, path)
    stored(TaskFactory(), "kestrel.txt")

    table = page(client.get(url("list", mine))).one("table")

    assert [link.text for link in table.all("a", class_="row-link")] == ["second.txt", "first.txt"]


def test_the_list_is_narrowed_by_agent_and_type(client, mine, task):
    stored(task, "report.txt")
    stored(task, "plot.gif", GIF)
    stored(task, "data.bin", b"\0\1")
    other = TaskFactory(workspace=mine.workspace)
    stored(other, "other.txt")

    def shown(**query):
        answer = client.get(url("list", mine), query, headers={"HX-Request": "true"})
        assert not page(answer).all("html")
        return sorted(link.text for link in page(answer).all("a", class_="row-link"))

    assert shown(type="image") == ["plot.gif"]
    assert shown(type="text") == ["other.txt", "report.txt"]
    assert shown(type="other") == ["data.bin"]
    assert shown(agent=str(other.agent_id)) == ["other.txt"]
    assert shown(agent=str(other.agent_id), type="image") == []
    assert len(shown(agent="no id", type="\0", after="%")) == 4


def test_another_workspaces_agent_narrows_to_nothing(client, mine, task):
    stored(task)
    theirs = AgentFactory()

    answer = client.get(url("list", mine), {"agent": str(theirs.pk)})

    assert "No such files" in answer.text
    assert theirs.name not in answer.text


def test_the_list_takes_as_many_statements_for_many_rows_as_for_few(client, mine):
    client.get(url("list", mine))
    counts = []
    for more in (3, 15):
        for number in range(more):
            stored(TaskFactory(workspace=mine.workspace), f"{number}.txt")
        with CaptureQueriesContext(connection) as queries:
            client.get(url("list", mine))
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


def test_the_list_is_paged(client, mine, task):
    for number in range(27):
        stored(task, f"file-{number:02}.txt")

    first = page(client.get(url("list", mine)))
    second = page(client.get(url("list", mine) + first.one("a", rel="next")["href"]))

    assert [link.text for link in second.all("a", class_="row-link")] == [
        "file-01.txt",
        "file-00.txt",
    ]


def test_an_empty_list_says_what_an_artifact_is(client, mine):
    assert "An artifact is a file that a task produced" in client.get(url("list", mine)).text


# Shown


def test_a_text_is_shown_escaped(client, mine, task):
    artifact = stored(task, "page.html", HTML)

    answer = client.get(url("detail", mine, artifact.pk))

    assert page(answer).one("pre").text == HTML.decode()
    assert "<script>alert" not in answer.text
    assert page(answer).one("code").text == artifact.sha256


def test_an_svg_is_text_and_never_a_picture(client, mine, task):
    """Vector 65: it can hold a script."""
    artifact = stored(task, "plot.svg", SVG)

    answer = client.get(url("detail", mine, artifact.pk))

    assert page(answer).one("pre").text == SVG.decode()
    assert not page(answer).all("img")
    assert client.get(url("image", mine, artifact.pk)).status_code == 404


def test_a_picture_is_served_as_pixels_only(client, mine, task):
    artifact = stored(task, "plot.gif", GIF)

    source = page(client.get(url("detail", mine, artifact.pk))).one("img")["src"]
    answer = client.get(source)

    assert source == url("image", mine, artifact.pk)
    assert answer.content == GIF
    assert answer["Content-Type"] == "image/gif"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "private, no-store"


def test_a_row_that_lies_about_its_type_shows_nothing(client, mine, task):
    """Vector 65: what is called a picture is looked at once more."""
    artifact = stored(task, "plot.svg", SVG)
    with workspace_scope(mine.workspace_id):
        Artifact.objects.filter(pk=artifact.pk).update(content_type="image/png")

    assert client.get(url("image", mine, artifact.pk)).status_code == 404
    with workspace_scope(mine.workspace_id):
        Artifact.objects.filter(pk=artifact.pk).update(content_type="image/svg+xml")
    assert client.get(url("image", mine, artifact.pk)).status_code == 404
    assert not page(client.get(url("detail", mine, artifact.pk))).all("img")


def test_other_files_are_not_shown(client, mine, task):
    artifact = stored(task, "data.pdf", b"%PDF-1.7 \0")

    shown = page(client.get(url("detail", mine, artifact.pk)))

    assert not shown.all("pre")
    assert "not shown here, only downloaded" in shown.one("main").text


@pytest.mark.parametrize(
    "name", ["<b>x</b>.txt", "a\nb\x1b[31m.txt", "gpj.\u202eexe", "'\";--", "x" * 400]
)
def test_a_hostile_name_is_only_a_name(client, mine, task, name):
    artifact = stored(task, name)

    for address in (
        url("list", mine),
        url("detail", mine, artifact.pk),
        url("delete", mine, artifact.pk),
    ):
        text = client.get(address).text
        assert "<b>x</b>" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    disposition = client.get(url("download", mine, artifact.pk))["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert "\n" not in disposition


# Saved


def test_a_download_is_saved_and_runs_nothing(client, mine, task):
    """Vectors 25, 65."""
    artifact = stored(task, "../../out/page.html", HTML)

    answer = client.get(url("download", mine, artifact.pk))

    assert answer.content == HTML
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "private, no-store"


def read(answer):
    async def join():
        return b"".join([chunk async for chunk in answer.streaming_content])

    return async_to_sync(join)()


def test_a_large_file_is_streamed_and_ends_with_the_membership(client, mine, task):
    body = bytes(range(256)) * (IN_ONE_PIECE // 64)
    artifact = stored(task, "large.bin", body)

    assert read(client.get(url("download", mine, artifact.pk))) == body
    answer = client.get(url("download", mine, artifact.pk))
    with platform_scope("test"):
        mine.delete()
    assert read(answer) == b""


def test_a_vanished_file_is_told_and_no_fault(client, mine, task):
    artifact = stored(task)
    storages["artifacts"].delete(key(artifact))

    answer = client.get(url("download", mine, artifact.pk))

    assert answer.status_code == 410
    assert "The file is missing" in answer.text
    assert "The file is missing" in client.get(url("detail", mine, artifact.pk)).text


def test_a_vanished_picture_is_not_found(client, mine, task):
    artifact = stored(task, "plot.gif", GIF)
    storages["artifacts"].delete(key(artifact))

    assert client.get(url("image", mine, artifact.pk)).status_code == 404


def test_all_of_a_tasks_files_come_as_one(client, mine, task):
    """Vector 25: no path in it leads out of the folder that it is unpacked in."""
    stored(task, "../../etc/passwd", b"mine")
    stored(task, "plot.gif", GIF)
    gone = stored(task, "gone.txt")
    storages["artifacts"].delete(key(gone))
    stored(TaskFactory(workspace=mine.workspace), "of another task.txt")

    answer = client.get(url("zip", mine, task.pk))
    archive = zipfile.ZipFile(io.BytesIO(answer.content))

    assert {name: archive.read(name) for name in archive.namelist()} == {
        "etc/passwd": b"mine",
        "plot.gif": GIF,
        "FILES THAT ARE MISSING.txt": b"gone.txt\n",
    }
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_a_large_archive_is_streamed_in_the_workspace(client, mine, task):
    import random

    noise = random.Random(1).randbytes(IN_ONE_PIECE)  # noqa: S311 - what does not compress
    for name in "abc":
        stored(task, name, noise)

    answer = client.get(url("zip", mine, task.pk))
    archive = zipfile.ZipFile(io.BytesIO(read(answer)))

    assert archive.testzip() is None
    assert [archive.read(name) for name in "abc"] == [noise] * 3


# Whose


PAGES = ["detail", "image", "download", "delete"]


@pytest.mark.parametrize("name", PAGES)
def test_another_workspaces_artifact_is_not_there(client, mine, task, name):
    """Vector 29: though its file's key is known, being made of two ids."""
    stored(task)
    theirs = stored(TaskFactory(), "kestrel.gif", GIF)
    assert storages["artifacts"].exists(key(theirs))

    answer = client.get(url(name, mine, theirs.pk))

    assert answer.status_code == 404
    assert "kestrel" not in answer.text
    assert client.post(url("delete", mine, theirs.pk)).status_code == 404
    assert client.get(url("zip", mine, theirs.task_id)).status_code == 404
    assert storages["artifacts"].exists(key(theirs))


def test_an_own_row_of_a_foreign_id_leads_to_ones_own_file_only(client, mine, task):
    """Vector 29: the key is made of the active workspace, whatever the row."""
    theirs = stored(TaskFactory(), "kestrel.txt", b"Kestrel")
    artifact = stored(task, "report.txt", b"Harrier")
    moved = f"{artifact.workspace_id}/{theirs.pk}"

    assert not storages["artifacts"].exists(moved)
    assert client.get(url("download", mine, artifact.pk)).content == b"Harrier"


@pytest.mark.parametrize("path", ["download/../../../etc/passwd", "%2e%2e/", "..%2f..%2fenv/"])
def test_no_path_is_part_of_an_address(client, mine, task, path):
    artifact = stored(task)

    assert client.get(url("detail", mine, artifact.pk) + path).status_code == 404


# Deleting


def test_a_deleted_artifact_is_gone_with_its_file(
    client, mine, task, django_capture_on_commit_callbacks
):
    artifact = stored(task, "report.txt")
    stored(task, "other.txt")
    assert "Delete report.txt?" in page(client.get(url("delete", mine, artifact.pk))).text

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("delete", mine, artifact.pk))

    assert answer.status_code == 302
    assert remaining(mine) == ["other.txt"]
    assert not storages["artifacts"].exists(key(artifact))
    with workspace_scope(mine.workspace_id):
        entry = AuditEntry.objects.get(action="artifact.delete")
    assert (entry.target_label, entry.changes["sha256"]) == ("report.txt", [artifact.sha256, None])
    assert client.post(url("delete", mine, artifact.pk)).status_code == 404


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_who_only_reads_deletes_nothing(client, mine, task, role):
    artifact = stored(task)
    reader = MembershipFactory(workspace=mine.workspace, role=role)
    client.force_login(reader.user)

    assert client.get(url("download", mine, artifact.pk)).status_code == 200
    assert client.post(url("delete", mine, artifact.pk)).status_code == 403
    assert "Delete" not in page(client.get(url("detail", mine, artifact.pk))).one("main").text
    assert remaining(mine) == ["report.txt"]


def test_an_auditor_sees_no_artifacts(client, mine, task):
    artifact = stored(task)
    client.force_login(MembershipFactory(workspace=mine.workspace, role=Role.AUDITOR).user)

    for name in ("detail", "download", "image"):
        assert client.get(url(name, mine, artifact.pk)).status_code == 403
    assert client.get(url("list", mine)).status_code == 403


def test_a_suspended_workspace_is_read_and_not_changed(client, mine, task):
    artifact = stored(task)
    suspend(mine.workspace, "unpaid bill")

    assert client.get(url("download", mine, artifact.pk)).status_code == 200
    assert client.post(url("delete", mine, artifact.pk)).status_code == 403
    assert remaining(mine) == ["report.txt"]


def test_conversations_lead_to_their_files(client, mine):
    conversation = ConversationFactory(workspace=mine.workspace)
    task = TaskFactory(workspace=mine.workspace, conversation=conversation)
    artifact = stored(task)

    shown = client.get(
        reverse("fleet:conversation-detail", args=[mine.workspace.slug, conversation.pk])
    )

    assert url("download", mine, artifact.pk) in shown.text
