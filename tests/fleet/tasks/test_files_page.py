"""An agent's directory on its page: looked into, filled and emptied by members."""

import io
import os
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from agenhood.fleet import agent_files
from agenhood.fleet.agent_files import Place
from tests.factories import MembershipFactory
from tests.pages import page
from workspaces.roles import Role


def put(desk, path, content=b"three"):
    agent_files.store(desk.agent, path, [content])


def names(desk, folder=""):
    return [entry.name for entry in agent_files.listing(desk.agent, folder)]


def upload(desk, *files, folder=""):
    sent = {"path": folder, "file": [SimpleUploadedFile(name, data) for name, data in files]}
    return desk.client.post(desk.url("agent-files-upload", desk.agent), sent)


def test_files_are_uploaded_listed_and_downloaded(desk):
    first = upload(desk, ("birds.csv", b"owl,3\n"), ("bees.csv", b""))
    assert first["Location"] == desk.url("agent-files", desk.agent)
    second = upload(desk, ("../<b>x.txt", b"deep"), folder="in/today")
    assert second["Location"].endswith("?path=in%2Ftoday")

    shown = page(desk.client.get(first["Location"]))
    links = {a.text: a["href"] for a in shown.all("a", class_="row-link")}
    assert list(links) == ["in/", "out/", "bees.csv", "birds.csv"]
    inner = page(desk.client.get(second["Location"]))
    (deep,) = inner.all("a", class_="row-link")
    assert deep.text == "_b_x.txt"
    got = desk.client.get(links["birds.csv"])
    assert got.content == b"owl,3\n"
    assert got["Content-Disposition"] == 'attachment; filename="birds.csv"'
    assert got["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert [action for action, _ in desk.trail()].count("agent_files.upload") == 3


def test_all_of_it_is_one_zip(desk):
    put(desk, "in/birds.csv")
    with Place.of(desk.agent).use() as usage:
        (usage.path / "secret").symlink_to("/etc/passwd")
        (usage.path / "old").write_text("old")
        os.utime(usage.path / "old", (0, 0))

    got = desk.client.get(desk.url("agent-files-download", desk.agent))

    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert sorted(archive.namelist()) == ["in/birds.csv", "old"]
        assert archive.read("in/birds.csv") == b"three"


@pytest.mark.parametrize("path", ["secret", "way/passwd", "out", "../x", "none", "/etc/passwd"])
def test_what_is_no_plain_file_of_the_agents_is_not_there(desk, path):
    with Place.of(desk.agent).use() as usage:
        (usage.path / "secret").symlink_to("/etc/passwd")
        (usage.path / "way").symlink_to("/etc")
    address = desk.url("agent-files-download", desk.agent)

    got = desk.client.get(address, {"path": path})

    assert got.status_code == 404
    assert "root:" not in got.text
    shown = desk.client.get(desk.url("agent-files", desk.agent))
    assert "Link, not followed" in page(shown).text
    assert desk.client.get(desk.url("agent-files", desk.agent), {"path": "way"}).status_code == 404


def test_files_are_deleted_one_by_one_or_all(desk):
    put(desk, "a/b.txt")
    put(desk, "c.txt")
    address = desk.url("agent-files-delete", desk.agent)
    assert "Delete a/b.txt?" in page(desk.client.get(address, {"path": "a/b.txt"})).text
    assert names(desk, "a") == ["b.txt"]

    gone = desk.client.post(address, {"path": "a/b.txt"})
    assert gone["Location"].endswith("?path=a")
    assert names(desk, "a") == []
    desk.client.post(address, {"path": "a"})
    assert "a" not in names(desk)
    assert "all files of Owl" in page(desk.client.get(address)).text
    desk.client.post(address)

    assert "c.txt" not in names(desk)
    actions = [action for action, _ in desk.trail()][-3:]
    assert actions == ["agent_files.delete", "agent_files.delete", "agent_files.clean"]


def test_what_is_gone_already_is_said(desk):
    address = desk.url("agent-files-delete", desk.agent)

    response = desk.client.post(address, {"path": "none.txt"})

    assert response.status_code == 409
    assert page(response).one("p", class_="nonfield").text == "There is no such file."


def test_the_directory_of_a_running_task_is_not_emptied(desk):
    put(desk, "c.txt")
    desk.put(desk.submit(), state="running")

    response = desk.client.post(desk.url("agent-files-delete", desk.agent))

    assert response.status_code == 409
    assert "c.txt" in names(desk)


def test_more_than_may_be_sent_at_once_is_refused(desk, settings):
    settings.ARTIFACT_MAX_BYTES = 10**6

    response = upload(desk, ("large", b"x" * (10**6 + 1)))

    assert response.status_code == 413
    assert "At most 1 MB" in page(response).one("div", class_="bad").text
    assert "large" not in names(desk)


def test_no_file_and_a_folder_of_that_name_are_refused(desk):
    assert upload(desk).status_code == 422
    response = upload(desk, ("out", b"x"))

    assert response.status_code == 409
    assert "out was not stored." in page(response).one("div", class_="bad").text


def test_a_full_disk_is_said(desk):
    desk.agent.disk_mb = 16
    with desk.scope:
        desk.agent.save()

    response = upload(desk, ("large", b"x" * 17 * 2**20))

    assert response.status_code == 409
    assert "disk is full" in page(response).one("div", class_="bad").text


def test_a_viewer_looks_and_changes_nothing(desk):
    put(desk, "c.txt")
    viewer = MembershipFactory(workspace=desk.membership.workspace, role=Role.VIEWER)
    desk.client.force_login(viewer.user)

    shown = page(desk.client.get(desk.url("agent-files", desk.agent)))

    targets = {e.get("href") or e.get("action") for e in shown.all("a") + shown.all("form")}
    assert not any("upload" in target or "delete" in target for target in targets)
    assert desk.client.post(desk.url("agent-files-delete", desk.agent)).status_code == 403
    assert "c.txt" in names(desk)
