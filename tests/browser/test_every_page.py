"""Every page that there is, as everybody who sees it: no error in the console, nothing refused by
the content security policy, nothing serious for axe, usable on a phone, not kept by the browser.

The pages are found by following links, as people do. A new address belongs into one of the sets
below; the first test fails until it is.
"""

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest
from django.urls import resolve
from playwright.sync_api import Page, expect

from accounts.provisioning import set_password_path
from agenhood.fleet.models import Agent
from tests.addresses import addresses
from tests.browser.agent_rows import fleet
from tests.browser.page_check import DESKTOP, PHONE, faults
from tests.browser.prompt_rows import written
from tests.browser.rows import member
from tests.factories import (
    CredentialVersionFactory,
    InvitationFactory,
    MembershipFactory,
    ProjectFactory,
    ServiceAccountFactory,
    TokenFactory,
    UserFactory,
)
from workspaces.models import Membership
from workspaces.provisioning import suspend
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope

PASSWORD = "a good long password"

OUTSIDE = {
    "account_login",
    "account_logout",
    "account_signup",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "offline",
}
SIGNED_IN = {
    "home",
    "api-docs",
    "workspaces:list",
    "workspaces:home",
    "workspaces:leave",
    "workspaces:token-list",
    "workspaces:token-create",
    "accounts:detail",
    "mfa_index",
    "account_change_password",
    "account_reauthenticate",
}
VIEWER = SIGNED_IN | {
    "workspaces:member-list",
    "fleet:palette",
    "fleet:project-list",
    "fleet:project-detail",
    "fleet:prompt-list",
    "fleet:prompt-detail",
    "fleet:prompt-version-list",
    "fleet:prompt-version-diff",
    "fleet:artifact-list",
    "fleet:history-list",
    "fleet:history-view-create",
    "fleet:conversation-list",
    "fleet:conversation-detail",
    "fleet:agent-list",
    "fleet:agent-detail",
    "fleet:agent-configuration",
    "fleet:agent-revision-list",
    "fleet:agent-revision-detail",
    "fleet:agent-revision-diff",
    "fleet:agent-template-list",
    "fleet:agent-template-detail",
    "fleet:agent-files",
    "fleet:task-detail",
    "fleet:schedule-list",
    "fleet:price-list",
}
OWNER = VIEWER | {
    "workspaces:member-remove",
    "workspaces:invitation-list",
    "workspaces:invitation-create",
    "workspaces:service_account-list",
    "workspaces:service_account-create",
    "workspaces:service_account-detail",
    "workspaces:service_account-edit",
    "workspaces:service_account-token",
    "workspaces:ownership-transfer",
    "workspaces:export-list",
    "workspaces:audit-list",
    "workspaces:settings-general",
    "workspaces:settings-second-factor",
    "fleet:project-create",
    "fleet:project-rename",
    "fleet:project-delete",
    "fleet:prompt-create",
    "fleet:prompt-edit",
    "fleet:prompt-delete",
    "fleet:prompt-version-create",
    "fleet:prompt-label-remove",
    "fleet:conversation-rename",
    "fleet:conversation-delete",
    "fleet:agent-create",
    "fleet:agent-edit",
    "fleet:agent-template-create",
    "fleet:agent-template-rename",
    "fleet:agent-template-delete",
    "fleet:credential-list",
    "fleet:credential-create",
    "fleet:credential-detail",
    "fleet:credential-edit",
    "fleet:credential-rotate",
    "fleet:credential-revoke",
    "fleet:credential-delete",
    "fleet:task-create",
    "fleet:agent-files-delete",
    "fleet:schedule-create",
    "fleet:price-create",
}
STAFF = {
    "admin:index",
    "admin:app_list",
    "admin:workspaces_workspace_changelist",
    "admin:workspaces_workspace_add",
    "admin:workspaces_workspace_change",
    "admin:workspaces_workspace_history",
    "admin:accounts_user_changelist",
    "admin:accounts_user_add",
    "admin:accounts_user_change",
    "admin:accounts_user_history",
}
# No pages: they take a POST, lead elsewhere, answer 404, or answer to programs.
NO_PAGES = {
    "api-document",
    "account_set_password",
    "accounts:session-end",
    "accounts:sessions-end-others",
    "workspaces:member-role",
    "workspaces:invitation-link",
    "workspaces:invitation-send",
    "workspaces:invitation-revoke",
    "workspaces:invitation-open",
    "workspaces:invitation-mail",
    "workspaces:invitation-switch",
    "workspaces:invitation-take",
    "workspaces:token-revoke",
    "workspaces:audit-export",
    "workspaces:service_account-disable",
    "workspaces:service_account-enable",
    "fleet:project-archive",
    "fleet:project-restore",
    "fleet:prompt-archive",
    "fleet:prompt-restore",
    "fleet:prompt-version-preview",
    "fleet:prompt-label-move",
    "fleet:prompt-label-roll-back",
    "fleet:history-export",
    "fleet:history-view-delete",
    "fleet:conversation-archive",
    "fleet:conversation-restore",
    "fleet:agent-bulk",
    "fleet:agent-pause",
    "fleet:agent-resume",
    "fleet:agent-archive",
    "fleet:agent-restore",
    "fleet:agent-revision-restore",
    "admin:",
    "admin:login",
    "admin:logout",
    "admin:password_change",
    "admin:password_change_done",
    "admin:autocomplete",
    "admin:jsi18n",
    "admin:workspaces_workspace_delete",
    "admin:accounts_user_delete",
    "service-worker",
    "mfa_login_webauthn",
    "oidc-start",
    "openid_connect_callback",
    "fleet:task-cancel",
    "fleet:task-stop",
    "fleet:agent-files-upload",
    "fleet:schedule-times",
    "fleet:schedule-enable",
    "fleet:schedule-disable",
}
# Looked at in test_second_factor.py, by somebody who has one and has just said who they are.
SECOND_FACTOR = {
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "workspaces:second-factor-required",
}


# Looked at in test_people.py, by somebody who was invited.
INVITED = {"workspaces:invitation-accept"}
# Looked at in test_history.py, which has texts that are too long for other pages.
TEXTS = {"fleet:conversation-task", "fleet:conversation-event"}
# Looked at in test_files.py, which has files.
DOWNLOADS = {"fleet:agent-files-download", "fleet:task-download"}
FILES = DOWNLOADS | {
    "workspaces:export-download",
    "fleet:artifact-detail",
    "fleet:artifact-image",
    "fleet:artifact-download",
    "fleet:artifact-delete",
    "fleet:artifact-zip",
}


# Looked at in test_tasks.py, which has tasks that wait, schedules and prices.
TASKS = {
    "fleet:task-retry",
    "fleet:approval-decide",
    "fleet:schedule-detail",
    "fleet:schedule-edit",
    "fleet:schedule-delete",
    "fleet:price-edit",
    "fleet:price-delete",
}


@pytest.fixture
def olive(committed_db):
    """Owner of a full workspace, viewer in an empty one, operator in a suspended one."""
    acme = member(Role.OWNER, of="Acme", name="Olive", email="olive@a.test", password=PASSWORD)
    for number in range(27):
        ProjectFactory(workspace=acme.workspace, name=f"Project {number:02}")
    CredentialVersionFactory(workspace=acme.workspace, credential__name="Claude")
    fleet(acme)
    written(acme, "Sorting", [f"Version {number}." for number in range(1, 13)])
    InvitationFactory(workspace=acme.workspace, email="a.very.long.address@of-a-long-host.example")
    TokenFactory(workspace=acme.workspace, membership=acme, scopes=["project.view"])
    ServiceAccountFactory(workspace=acme.workspace)
    MembershipFactory(workspace=acme.workspace, user__name="Petra", role=Role.ADMIN)
    MembershipFactory(workspace=acme.workspace, user__name="", role=Role.VIEWER)
    member(Role.VIEWER, of="Globex", user=acme.user)
    suspended = member(Role.OPERATOR, of="Initech", user=acme.user)
    ProjectFactory(workspace=suspended.workspace, name="Harrier")
    suspend(suspended.workspace, "the invoice of May is open")
    return acme


def test_every_address_is_a_page_somebody_is_sent_to_or_none():
    named = {address.name for address in addresses() if not address.in_api}

    elsewhere = SECOND_FACTOR | INVITED | TEXTS | FILES | TASKS
    assert named == OUTSIDE | OWNER | STAFF | elsewhere | NO_PAGES
    assert not NO_PAGES & (OUTSIDE | OWNER | STAFF | elsewhere)


def test_pages_before_sign_in(browse, olive):
    stranger = UserFactory()
    page = browse(None, "/sign-in/")

    seen, found = crawl(
        page,
        "/sign-in/",
        "/sign-in/up/",
        "/sign-in/inactive/",
        "/sign-in/password/reset/",
        "/sign-in/password/reset/sent/",
        "/sign-in/password/reset/done/",
        set_password_path(stranger),
        "/sign-in/password/reset/1-no-such-key/",
        "/offline/",
    )

    assert found == [], listed(found)
    assert seen >= OUTSIDE - {"account_logout"}


def test_pages_of_an_owner(browse, olive):
    page = browse(olive.user, "/w/acme/")

    starts = [revisions_of_owl(olive), "/", "/sign-in/again/", "/sign-in/out/", "/w/acme/leave/"]
    seen, found = crawl(page, *starts)

    assert found == [], listed(found)
    assert seen >= OWNER


def test_pages_of_a_viewer(browse, olive):
    viewer = MembershipFactory(workspace=olive.workspace, role=Role.VIEWER, user__password=PASSWORD)
    page = browse(viewer.user)

    seen, found = crawl(page, revisions_of_owl(olive), "/", "/sign-in/again/", look=False)

    assert found == [], listed(found)
    assert seen >= VIEWER
    assert not seen & (OWNER - VIEWER), "a viewer is shown a way to what only others may do"


def test_pages_of_an_auditor_and_of_somebody_in_no_workspace(browse, olive):
    auditor = MembershipFactory(
        workspace=olive.workspace, role=Role.AUDITOR, user__password=PASSWORD
    )
    page = browse(auditor.user)
    seen, found = crawl(page, "/", look=False)
    assert found == [], listed(found)
    assert not seen & {"fleet:project-list", "workspaces:member-list"}

    page = browse(UserFactory())
    found = faults(page)
    assert found == [], listed(found)


def test_pages_of_platform_staff(browse, olive):
    staff = UserFactory(name="Stella", is_staff=True)
    page = browse(staff, "/admin/")

    seen, found = crawl(page, "/admin/", only="/admin/")

    assert found == [], listed(found)
    assert seen >= STAFF
    assert not seen & (OWNER - SIGNED_IN)


def test_pages_that_refuse(browse, olive):
    page = browse(olive.user, "/w/acme/", refusals=[403, 404, 429])
    found = []
    for path, status, words in [
        ("/w/hooli/", 404, "There is nothing here"),
        ("/nothing/at/all/", 404, "There is nothing here"),
        ("/w/globex/projects/new/", 403, "Your role does not allow this"),
        ("/w/globex/ownership/", 403, "Your role does not allow this"),
    ]:
        response = page.goto(path)
        assert response.status == status
        expect(page.get_by_role("heading", name=words)).to_be_visible()
        found += faults(page)

    assert found == [], listed(found)


def test_the_page_for_a_stale_form(browse, olive):
    page = browse(olive.user, "/sign-in/password/change/", refusals=[403])
    page.get_by_label("Current Password").fill(PASSWORD)
    page.get_by_label("New Password", exact=True).fill(PASSWORD)
    page.get_by_label("New Password (again)").fill(PASSWORD)
    page.context.clear_cookies(name="csrftoken")

    page.get_by_role("button", name="Change password").click()

    expect(page.get_by_role("heading", name="This page was out of date")).to_be_visible()
    found = faults(page)
    assert found == [], listed(found)


def test_what_opens_on_a_page(browse, olive):
    page = browse(olive.user, "/w/acme/projects/")
    page.locator("#picker-button").click()
    expect(page.get_by_role("searchbox", name="Find a workspace")).to_be_focused()
    found = faults(page)
    assert found == [], listed(found)
    page.get_by_role("searchbox", name="Find a workspace").fill("zzz")
    expect(page.get_by_text("No workspace of yours matches")).to_be_visible()
    found = faults(page)
    assert found == [], listed(found)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Account menu").click()
    expect(page.get_by_role("link", name="Theme")).to_be_visible()
    found = faults(page)
    assert found == [], listed(found)
    page.keyboard.press("Escape")

    page.get_by_label("Search projects").fill("zzz")
    expect(page.get_by_role("heading", name="No match")).to_be_visible()
    found = faults(page)
    assert found == [], listed(found)


def test_the_navigation_of_a_phone_opens_over_the_page(browse, olive):
    page = browse(olive.user, "/w/acme/", viewport=PHONE, has_touch=True, is_mobile=True)
    expect(page.get_by_role("link", name="Members", exact=True)).to_be_hidden()

    page.get_by_role("button", name="Menu", exact=True).tap()
    navigation = page.get_by_role("navigation", name="Workspace")
    members = navigation.get_by_role("link", name="Members")
    expect(members).to_be_visible()
    page.get_by_role("button", name="Close the menu").tap()
    expect(members).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).tap()
    members.tap()

    expect(page).to_have_title("Members · Acme")
    expect(members).to_be_hidden()


def test_forms_with_errors_and_the_notice(browse, olive):
    page = browse(olive.user, "/w/acme/projects/new/", refusals=[404])
    page.get_by_label("Name").fill("Project 01")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    found = faults(page)

    page.goto("/w/acme/ownership/")
    page.get_by_label("New owner").select_option(index=1)
    page.get_by_label("Your password").fill("not the password")
    page.get_by_role("button", name="Transfer ownership").click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    found += faults(page)

    page.goto("/w/acme/projects/")
    with platform_scope("test data"):
        olive.workspace.slug = "moved"
        olive.workspace.save(update_fields=["slug"])
    page.get_by_label("Search projects").fill("a")
    expect(page.get_by_role("alert")).to_contain_text("This is no longer here")
    found += faults(page)

    assert found == [], listed(found)


def listed(found: list[str]) -> str:
    return "\n".join(found)


def revisions_of_owl(olive: Membership) -> str:
    """The one agent that has two of them, which the way to comparing needs."""
    with workspace_scope(olive.workspace_id):
        return f"/w/acme/agents/{Agent.objects.get(name='Owl').pk}/revisions/"


VARIANTS = 2  # of one page, by what is in its query string


def crawl(
    page: Page, *starts: str, only: str = "/", look: bool = True
) -> tuple[set[str], list[str]]:
    """Follow every link below `only`; return the names of the pages seen and the faults found.

    Pages that differ by an object's id alone are one page. Without `look` each page is only opened:
    what it looks like was seen as somebody else.
    """
    waiting, kinds, names, found = list(starts), set(), set(), []
    variants: Counter[str] = Counter()
    while waiting:
        path = waiting.pop(0)
        url = urlsplit(path)
        match = resolve(url.path)
        queries = sorted(re.findall(r"(\w+)=", url.query))
        if match.app_name == "admin":  # its lists can be sorted and filtered in many ways
            queries = queries[:1] if match.view_name.endswith("changelist") else []
        kind = (match.view_name, match.kwargs.get("slug"), *queries)
        name = match.view_name
        if kind in kinds or name in NO_PAGES | DOWNLOADS or variants[name] == VARIANTS:
            continue
        kinds.add(kind)
        variants[name] += 1
        names.add(match.view_name)
        page.set_viewport_size(DESKTOP)
        response = page.goto(path)
        if response.status != 200:
            found.append(f"{path} answered {response.status}")
            continue
        if "no-store" not in response.headers.get("cache-control", ""):
            found.append(f"{path} may be kept by the browser")
        if look:
            found += faults(page)
        links = page.evaluate(
            "[...document.links].map((a) => a.origin === origin && a.pathname + a.search)"
        )
        waiting += [link for link in links if link and link.startswith(only)]
    return names, found
