"""A credential's life in a browser: stored, pointed out, rotated, revoked."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from agenhood.fleet.models import CredentialGrant, Task
from tests.browser.page_check import faults
from tests.browser.rows import member
from tests.factories import (
    CredentialFactory,
    CredentialVersionFactory,
    MembershipFactory,
    TaskFactory,
)
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import workspace_scope

SECRET, OTHER = "sk-ant-Peregrine-0123456789abcd", "sk-ant-Sparrowhawk-0123456789wxyz"


@pytest.fixture
def ada(committed_db):
    return member(Role.ADMIN, of="Acme", name="Ada", email="ada@a.test")


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def test_from_an_empty_list_to_a_revoked_key(browse, ada):
    page = browse(ada.user, "/w/acme/credentials/")
    expect(page.get_by_role("heading", name="No credentials yet")).to_be_visible()
    assert faults(page) == []

    page.get_by_role("link", name="Store the first credential").click()
    heading(page, "What kind of credential?")
    assert faults(page) == []
    page.get_by_role("link", name="Anthropic").click()
    heading(page, "New credential: Anthropic")
    page.get_by_label("API key").fill(SECRET)
    page.get_by_role("button", name="Store credential").click()
    expect(page.get_by_label("Name")).to_be_focused()  # the browser's own check
    page.get_by_label("Name").fill("Claude")
    page.get_by_role("button", name="Store credential").click()

    heading(page, "Claude")
    expect(page.get_by_text("abcd", exact=False).first).to_be_visible()
    assert SECRET not in page.content()
    assert faults(page) == []

    page.get_by_role("link", name="Rotate").click()
    heading(page, "Rotate Claude")
    page.get_by_label("API key").fill(SECRET)
    page.get_by_role("button", name="Rotate").click()
    expect(page.get_by_text("This is the value that it has already.")).to_be_visible()
    expect(page.get_by_label("API key")).to_have_value("")
    assert faults(page) == []
    page.get_by_label("API key").fill(OTHER)
    page.get_by_role("button", name="Rotate").click()
    heading(page, "Claude")
    expect(page.get_by_role("row", name="v2")).to_contain_text("Current")

    page.get_by_role("link", name="Revoke…").click()
    heading(page, "Revoke Claude?")
    page.get_by_role("button", name="Revoke now").click()
    expect(page.get_by_text("Its values are gone for good.")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="Credentials").first.click()
    page.get_by_role("link", name="Revoked 1").click()
    expect(page.get_by_role("link", name="Claude")).to_be_visible()


def test_an_error_swaps_the_form_and_leaves_the_secret_out(browse, ada):
    CredentialVersionFactory(
        workspace=ada.workspace, credential__name="Harrier", secret=SECRET.encode()
    )
    page = browse(ada.user, "/w/acme/credentials/new/?kind=token")
    page.get_by_label("Name").fill("Kite")
    page.get_by_label("Token").fill(SECRET)
    # As a field that was resized has it: htmx may not carry it over, which the policy refuses.
    page.get_by_label("Token").evaluate("field => { field.style.height = '5rem' }")
    page.get_by_role("button", name="Store credential").click()

    expect(page.get_by_text("as the credential “Harrier”")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Kite")
    expect(page.get_by_label("Token")).to_have_value("")
    assert faults(page) == []

    page.get_by_label("Token").fill(SECRET)
    page.get_by_label("Store it nevertheless").check()
    page.get_by_role("button", name="Store credential").click()
    heading(page, "Kite")


def test_a_file_is_uploaded_from_the_form(browse, ada, tmp_path):
    file = tmp_path / "kube.yaml"
    file.write_text("token: Peregrine\n")
    page = browse(ada.user, "/w/acme/credentials/new/?kind=file")
    assert faults(page) == []
    page.get_by_label("Name", exact=True).fill("Cluster")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Store credential").click()

    heading(page, "Cluster")
    expect(page.get_by_text("kube.yaml")).to_be_visible()


def test_every_kinds_form_works_on_a_phone_and_in_the_dark(browse, ada):
    page = browse(ada.user)
    for kind in ("openai", "git", "password"):
        page.goto(f"/w/acme/credentials/new/?kind={kind}")
        assert faults(page) == []


def test_a_full_list_and_what_a_revocation_breaks(browse, ada):
    now = timezone.now()
    for name, days in [("Expired", -1), ("Soon", 3), ("Later", 90)]:
        CredentialVersionFactory(
            workspace=ada.workspace,
            credential__name=name,
            credential__kind="git",
            credential__fields={"host": "github.com", "user": "bot", "auth": "token"},
            credential__expires_at=now + timedelta(days=days),
        )
    used = CredentialVersionFactory(workspace=ada.workspace, credential__name="Used").credential
    CredentialFactory(workspace=ada.workspace, name="W" * 60)
    task = TaskFactory(workspace=ada.workspace, state=Task.State.RUNNING, started_at=now)
    with workspace_scope(ada.workspace_id):
        CredentialGrant.objects.create(agent=task.agent, credential=used, variable="KEY")

    page = browse(ada.user, "/w/acme/credentials/")
    expect(page.get_by_role("row", name="Used Token")).to_contain_text("1 agent")
    expect(page.get_by_role("row", name="Soon Git")).to_contain_text("Soon")
    assert faults(page) == []
    page.get_by_label("Kind").select_option("git")
    expect(page.get_by_role("link", name="Used", exact=True)).not_to_be_visible()
    page.get_by_label("Search credentials").fill("nothing of that name")
    expect(page.get_by_role("heading", name="No match")).to_be_visible()

    for page_of in ("", "edit/", "revoke/", "delete/"):
        page.goto(f"/w/acme/credentials/{used.pk}/{page_of}")
        assert faults(page) == []
    page.goto(f"/w/acme/credentials/{used.pk}/revoke/")
    expect(page.get_by_text("1 running task will fail")).to_be_visible()


def test_who_may_not_manage_and_a_suspended_workspace(browse, ada):
    version = CredentialVersionFactory(workspace=ada.workspace, credential__name="Harrier")
    address = f"/w/acme/credentials/{version.credential_id}/"
    auditor = MembershipFactory(workspace=ada.workspace, role=Role.AUDITOR)
    page = browse(auditor.user, address)
    expect(page.get_by_text("Your role shows their number only.")).to_be_visible()
    assert page.get_by_role("link", name="Rotate").count() == 0
    assert faults(page) == []

    suspend(ada.workspace, "the invoice of May is open")
    page = browse(ada.user, address)
    expect(page.get_by_text("nothing can be changed")).to_be_visible()
    assert page.get_by_role("link", name="Rotate").count() == 0
    page.goto("/w/acme/credentials/new/?kind=token")
    expect(page.get_by_role("button", name="Store credential")).to_be_disabled()
    assert faults(page) == []
