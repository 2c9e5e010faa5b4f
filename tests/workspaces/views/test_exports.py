"""The list of exports, and their downloads."""

from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import tests.exports  # noqa: F401 - registers a kind
from tests.factories import ExportFactory, MembershipFactory
from tests.pages import page
from workspaces import files
from workspaces.audit.models import AuditEntry
from workspaces.downloads import IN_ONE_PIECE
from workspaces.exports.models import Export
from workspaces.models import Membership
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def mine(client, db):
    member = MembershipFactory(role=Role.OPERATOR)
    client.force_login(member.user)
    return member


def export_of(member, *, body=b'{"name": "Harrier"}\n', hours=1, **values):
    export = ExportFactory(workspace=member.workspace, requested_by=member.user, **values)
    with workspace_scope(member.workspace_id):
        key = files.key_of(export.pk, 1)
        files.save("exports", key, ContentFile(body))
        Export.objects.filter(pk=export.pk).update(
            state="ready",
            file=key,
            rows=1,
            size=len(body),
            expires_at=timezone.now() + timedelta(hours=hours),
        )
        export.refresh_from_db()
    return export


def list_url(member, query=""):
    return reverse("workspaces:export-list", args=[member.workspace.slug]) + query


def file_url(export, member):
    return reverse("workspaces:export-download", args=[member.workspace.slug, export.pk])


def downloads(member):
    with workspace_scope(member.workspace_id):
        done = AuditEntry.objects.filter(action="export.download", outcome="done")
        return list(done.values_list("actor_label", "target_kind"))


# The list


def test_the_list_is_ones_own(client, mine):
    export_of(mine, query="q=harrier&state=failed&state=timed_out&from=&project=" + str(uuid4()))
    colleague = MembershipFactory(workspace=mine.workspace, role=Role.OPERATOR)
    export_of(colleague, query="q=kestrel")
    export_of(MembershipFactory(user=mine.user, role=Role.OWNER), query="q=goshawk")

    text = page(client.get(list_url(mine, "?who=all"))).one("main").text

    assert "words “harrier”, state failed or timed out, one project" in text
    assert "kestrel" not in text
    assert "goshawk" not in text


def test_a_manager_sees_everybodys_also_of_people_who_have_left(client, mine):
    with platform_scope("test"):
        Membership.objects.filter(pk=mine.pk).update(role=Role.ADMIN)
    leaver = MembershipFactory(workspace=mine.workspace, role=Role.OPERATOR)
    export_of(leaver, query="q=kestrel")
    with platform_scope("test"):
        leaver.delete()

    assert "kestrel" not in client.get(list_url(mine)).text
    text = page(client.get(list_url(mine, "?who=all"))).one("main").text

    assert "words “kestrel”" in text
    assert "somebody who has left" in text


def test_an_empty_list_says_where_to_start(client, mine):
    shown = page(client.get(list_url(mine))).one("main")

    assert "You have exported nothing yet" in shown.text
    assert reverse("fleet:project-list", args=[mine.workspace.slug]) in [
        link["href"] for link in shown.all("a")
    ]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_the_list_is_asked_for_again_while_something_is_under_way(client, mine, state):
    ExportFactory(workspace=mine.workspace, requested_by=mine.user, state=state)

    part = client.get(list_url(mine), headers=FRAGMENT)

    assert page(part).one(id="exports")["hx-trigger"] == "every 2s"
    assert page(part).one(id="exports")["hx-get"] == list_url(mine)
    assert not page(part).all("html")


def test_the_list_rests_once_all_is_done(client, mine):
    export_of(mine)

    assert not page(client.get(list_url(mine))).one(id="exports").get("hx-trigger")


def test_asking_again_renews_no_session(client, mine):
    ExportFactory(workspace=mine.workspace, requested_by=mine.user)
    client.get(list_url(mine))

    def sessions():
        return list(Session.objects.values_list("session_data", "expire_date"))

    before = sessions()
    assert before
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(list_url(mine), headers=FRAGMENT)

    assert not answer.cookies
    assert not [q["sql"] for q in queries if "UPDATE" in q["sql"]]
    assert sessions() == before


def test_the_list_takes_as_many_statements_for_many_rows_as_for_few(client, mine):
    with platform_scope("test"):
        Membership.objects.filter(pk=mine.pk).update(role=Role.OWNER)
    client.get(list_url(mine))
    counts = []
    for more in (3, 20):
        for _ in range(more):
            colleague = MembershipFactory(workspace=mine.workspace)
            ExportFactory(workspace=mine.workspace, requested_by=colleague.user, state="failed")
        with CaptureQueriesContext(connection) as queries:
            client.get(list_url(mine, "?who=all"))
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 12


def test_the_list_is_paged(client, mine):
    for number in range(30):
        ExportFactory(
            workspace=mine.workspace, requested_by=mine.user, query=f"n={number}", state="failed"
        )

    first = page(client.get(list_url(mine)))
    older = first.one("a", rel="next")["href"]
    second = page(client.get(list_url(mine) + older))

    assert len(first.all("tr")) == 26
    assert len(second.all("tr")) == 6
    assert "n 0" in second.text


@pytest.mark.parametrize("query", ["?after=%00", "?before=1", "?who=%00", "?after=" + "9" * 400])
def test_a_strange_query_is_no_fault(client, mine, query):
    assert client.get(list_url(mine, query)).status_code == 200


def test_the_list_is_refused_to_whoever_may_export_nothing(client, db):
    viewer = MembershipFactory(role=Role.VIEWER)
    client.force_login(viewer.user)

    assert client.get(list_url(viewer)).status_code == 403
    assert "Exports" not in page(client.get(f"/w/{viewer.workspace.slug}/")).text


# Downloads


def test_a_download_is_a_file_to_be_saved_that_runs_nothing(client, mine):
    export = export_of(mine, body=b"<script>alert(1)</script>", format="csv")

    answer = client.get(file_url(export, mine))

    assert answer.content == b"<script>alert(1)</script>"
    day = export.created_at.strftime("%Y-%m-%d")
    name = f"{mine.workspace.slug}-probe-{day}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "private, no-store"
    assert downloads(mine) == [(mine.user.email, "export")]


def read(answer):
    async def join():
        return b"".join([chunk async for chunk in answer.streaming_content])

    return async_to_sync(join)()


def test_a_large_file_is_streamed_in_the_workspace(client, mine):
    body = bytes(range(256)) * (IN_ONE_PIECE // 256 * 3)
    export = export_of(mine, body=body)

    answer = client.get(file_url(export, mine))

    assert answer.streaming
    assert answer["Content-Length"] == str(len(body))
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert read(answer) == body


def test_a_large_download_ends_when_its_person_is_removed(client, mine):
    export = export_of(mine, body=b"x" * IN_ONE_PIECE * 4)
    answer = client.get(file_url(export, mine))

    with platform_scope("test"):
        mine.delete()

    assert read(answer) == b""


def test_a_link_expires(client, mine):
    export = export_of(mine, hours=-0.001)

    answer = client.get(file_url(export, mine))

    assert answer.status_code == 410
    assert "The link has expired" in answer.text
    assert "Harrier" not in answer.text
    assert downloads(mine) == []
    assert "Download" not in page(client.get(list_url(mine))).one("table").text


def test_an_unfinished_export_has_no_file_yet(client, mine):
    export = ExportFactory(workspace=mine.workspace, requested_by=mine.user)

    answer = client.get(file_url(export, mine))

    assert answer.status_code == 410
    assert "not there yet" in answer.text


def test_a_file_that_vanished_is_told_and_no_fault(client, mine):
    export = export_of(mine)
    storages["exports"].delete(export.file)

    answer = client.get(file_url(export, mine))

    assert answer.status_code == 410
    assert "The file is missing" in answer.text
    assert downloads(mine) == []


def test_somebody_elses_export_is_not_there(client, mine):
    colleague = MembershipFactory(workspace=mine.workspace, role=Role.OPERATOR)
    export = export_of(colleague)

    assert client.get(file_url(export, mine)).status_code == 404


def test_an_export_of_another_workspace_is_not_there_even_for_its_own_person(client, mine):
    """Vector 29: only its own workspace's address leads to it."""
    elsewhere = MembershipFactory(user=mine.user, role=Role.OWNER)
    export = export_of(elsewhere)

    assert client.get(file_url(export, mine)).status_code == 404
    assert client.get(file_url(export, elsewhere)).status_code == 200


def test_a_key_that_was_changed_to_another_workspaces_opens_nothing(client, mine):
    """Vector 29, below the row: the key's own workspace is asked for."""
    theirs = export_of(MembershipFactory(role=Role.OWNER), body=b"Kestrel")
    export = export_of(mine)
    with workspace_scope(mine.workspace_id):
        Export.objects.filter(pk=export.pk).update(file=theirs.file)
    client.raise_request_exception = False

    answer = client.get(file_url(export, mine))

    assert answer.status_code == 500
    assert "Kestrel" not in answer.text
    assert downloads(mine) == []


def test_a_role_that_lost_the_rows_lost_the_file(client, mine):
    export = export_of(mine)
    with platform_scope("test"):
        Membership.objects.filter(pk=mine.pk).update(role=Role.AUDITOR)

    assert client.get(file_url(export, mine)).status_code == 403


def test_a_suspended_workspace_hands_out_nothing(client, mine):
    export = export_of(mine)
    suspend(mine.workspace, "unpaid bill")

    answer = client.get(file_url(export, mine))

    assert answer.status_code == 403
    assert "suspended workspace" in answer.text
    assert client.get(list_url(mine)).status_code == 200
