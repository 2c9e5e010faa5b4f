"""Exports and artifacts in a browser: asked for, waited for, saved, looked at."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from agenhood.fleet.actions import artifact
from tests.browser.page_check import faults
from tests.browser.rows import member
from tests.factories import ConversationFactory, ExportFactory, TaskFactory
from tests.workers.run import worker
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

PIXEL = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f"
    b"\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)
SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>document.title = 'run'</script></svg>"
FILES = {"report.md": b"# Three birds\n", "plot.png": PIXEL, "evil.svg": SCRIPT, "raw.bin": b"\0\1"}


@pytest.fixture
def olive(committed_db):
    """The owner of a workspace whose agent produced some files."""
    return member(Role.OWNER, of="Acme", name="Olive")


@pytest.fixture
def kept(olive):
    conversation = ConversationFactory(workspace=olive.workspace, title="Count the birds")
    task = TaskFactory(workspace=olive.workspace, conversation=conversation, state="succeeded")
    with workspace_scope(olive.workspace_id):
        return {
            name: artifact.store(task, name, io.BytesIO(content)) for name, content in FILES.items()
        }


def test_the_history_is_exported_and_saved(browse, olive, kept):
    page = browse(olive.user, "/w/acme/exports/")
    expect(page.get_by_role("heading", name="You have exported nothing yet")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="History").last.click()
    page.get_by_role("button", name="Export CSV").click()
    expect(page.get_by_text("Waiting")).to_be_visible()
    assert faults(page) == []

    with worker(module="tests.workers"):
        expect(page.get_by_text("1 row")).to_be_visible(timeout=30_000)  # without a reload
    assert faults(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()

    assert saved.value.suggested_filename.endswith(".csv")
    assert "Count the birds" in Path(saved.value.path()).read_text()
    page.get_by_role("link", name="Everybody").click()
    expect(page.get_by_role("cell", name="Olive")).to_be_visible()
    assert faults(page) == []


def test_exports_that_came_to_nothing(browse, olive):
    for state in ("failed", "refused", "expired"):
        ExportFactory(
            workspace=olive.workspace, requested_by=olive.user, state=state, error="So it went."
        )
    page = browse(olive.user, "/w/acme/exports/")

    expect(page.get_by_text("So it went.")).to_have_count(2)
    expect(page.get_by_role("link", name="Download")).to_have_count(0)
    assert faults(page) == []


def test_artifacts_are_looked_at_and_saved(browse, olive, kept):
    page = browse(olive.user, "/w/acme/artifacts/")
    assert faults(page) == []
    page.get_by_label("Type").select_option("Images")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(
        "http://" + page.url.split("/")[2] + "/w/acme/artifacts/?agent=&type=image"
    )

    page.get_by_role("link", name="plot.png", exact=True).click()
    picture = page.get_by_role("img", name="What plot.png shows")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 1
    assert faults(page) == []
    with page.expect_download() as saved:
        page.get_by_role("link", name="All 4 of the task, as zip").click()
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


def test_what_an_agent_wrote_does_not_run(browse, olive, kept):
    """Vector 65: neither in the preview, nor when its download is asked for as a page."""
    page = browse(olive.user, f"/w/acme/artifacts/{kept['evil.svg'].pk}/")
    expect(page.get_by_role("region", name="Text of the file")).to_contain_text("<script>")
    assert page.title() == "evil.svg · Acme"
    assert faults(page) == []

    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()

    assert Path(saved.value.path()).read_bytes() == SCRIPT
    assert page.title() == "evil.svg · Acme"


def test_a_file_is_deleted(browse, olive, kept):
    page = browse(olive.user, f"/w/acme/artifacts/{kept['raw.bin'].pk}/")
    assert faults(page) == []
    page.get_by_role("link", name="Delete…").click()
    assert faults(page) == []
    page.get_by_role("button", name="Delete the file").click()

    expect(page.get_by_role("heading", name="Artifacts", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="raw.bin", exact=True)).to_have_count(0)


def test_a_suspended_workspaces_files(browse, olive, kept):
    suspend(olive.workspace, "unpaid bill")
    page = browse(olive.user, f"/w/acme/artifacts/{kept['report.md'].pk}/")

    expect(page.get_by_role("link", name="Delete…")).to_have_count(0)
    expect(page.get_by_text("# Three birds")).to_be_visible()
    assert faults(page) == []


def test_an_empty_list_of_artifacts(browse, olive):
    page = browse(olive.user, "/w/acme/artifacts/")

    expect(page.get_by_role("heading", name="No artifacts yet")).to_be_visible()
    assert faults(page) == []
