"""Who may ask for which address. A new one fails here until somebody has decided."""

from enum import StrEnum
from itertools import pairwise

import pytest
from django.http import HttpResponse
from django.urls import get_resolver

from agenhood.fleet.permissions import FleetPermission
from tests.addresses import Address, addresses
from workspaces.permissions import WorkspacePermission, grant, holds, requires
from workspaces.roles import Role

# Open to everybody, signed in or not.
OPEN = {
    "api-document",
    "account_login",
    "account_logout",
    "account_signup",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "offline",
    "service-worker",
    "mfa_login_webauthn",
    "mfa_authenticate",  # whose password was right
    "oidc-start",
    "openid_connect_callback",
    "workspaces:invitation-open",
    "workspaces:invitation-accept",
    "workspaces:invitation-mail",
    "workspaces:invitation-switch",
}
# Open to everybody who is signed in; each shows and changes what is that person's own.
SIGNED_IN = {
    "api-docs",
    "home",
    "workspaces:list",
    "accounts:detail",
    "accounts:session-end",
    "accounts:sessions-end-others",
    "account_change_password",
    "account_set_password",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "workspaces:second-factor-required",
    "workspaces:invitation-take",
}
# What the design says of each permission; the roles are spelled out here once more.
EVERYBODY = {Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AUDITOR}
ROLES = {
    WorkspacePermission.WORKSPACE_VIEW: EVERYBODY,
    WorkspacePermission.WORKSPACE_LEAVE: EVERYBODY,
    WorkspacePermission.MEMBER_VIEW: EVERYBODY - {Role.AUDITOR},
    WorkspacePermission.MEMBER_MANAGE: {Role.OWNER, Role.ADMIN},
    WorkspacePermission.OWNERSHIP_TRANSFER: {Role.OWNER},
    WorkspacePermission.SETTINGS_EDIT: {Role.OWNER, Role.ADMIN},
    WorkspacePermission.TOKEN_OWN: EVERYBODY,
    WorkspacePermission.SERVICE_ACCOUNT_MANAGE: {Role.OWNER, Role.ADMIN},
    WorkspacePermission.AUDIT_VIEW: {Role.OWNER, Role.ADMIN, Role.AUDITOR},
    WorkspacePermission.AUDIT_EXPORT: {Role.OWNER, Role.ADMIN, Role.AUDITOR},
    WorkspacePermission.EXPORT_OWN: EVERYBODY - {Role.VIEWER},
    WorkspacePermission.EXPORT_ALL: {Role.OWNER, Role.ADMIN},
    FleetPermission.PROJECT_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.PROJECT_EDIT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.AGENT_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.AGENT_EDIT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.PROMPT_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.PROMPT_EDIT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.CREDENTIAL_VIEW: EVERYBODY - {Role.VIEWER},
    FleetPermission.CREDENTIAL_MANAGE: {Role.OWNER, Role.ADMIN},
    FleetPermission.HISTORY_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.HISTORY_EXPORT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.ARTIFACT_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.ARTIFACT_DELETE: {Role.OWNER, Role.ADMIN},
    FleetPermission.HISTORY_EDIT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.HISTORY_DELETE: {Role.OWNER, Role.ADMIN},
    FleetPermission.TASK_RUN: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.SCHEDULE_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.SCHEDULE_EDIT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
    FleetPermission.PRICE_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.PRICE_EDIT: {Role.OWNER, Role.ADMIN},
    FleetPermission.AGENT_FILES_VIEW: EVERYBODY - {Role.AUDITOR},
    FleetPermission.AGENT_FILES_EDIT: {Role.OWNER, Role.ADMIN, Role.OPERATOR},
}

ADDRESSES = addresses()


def named(address: Address) -> str:
    return address.name or address.route


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.in_workspace], ids=named)
def test_every_view_of_a_workspace_names_its_permission(address):
    assert address.view.permission in ROLES
    assert not address.is_open


@pytest.mark.parametrize("address", [a for a in ADDRESSES if not a.in_workspace], ids=named)
def test_every_other_view_is_on_the_list_of_open_or_signed_in_ones(address):
    assert not hasattr(address.view, "permission"), "a permission means nothing outside /w/<slug>/"
    if address.in_admin_site:
        assert address.route.startswith("admin/")  # where the middleware lets only staff in
    elif address.in_api:
        assert address.is_open  # to whoever is not signed in: a token is asked for
        assert address.route.startswith("api/v1/")  # where the middleware asks for it
    else:
        assert address.name in (OPEN if address.is_open else SIGNED_IN)


def test_the_lists_name_only_what_there_is():
    there = {address.name for address in ADDRESSES}

    assert there >= OPEN | SIGNED_IN
    assert not OPEN & SIGNED_IN


def test_everything_under_a_slug_is_reached_by_one_route_that_the_middleware_knows():
    slugged = [a for a in ADDRESSES if "slug" in a.route or a.route.startswith("w/")]

    assert len(slugged) > 10
    assert {address.route[: len("w/<str:slug>/")] for address in slugged} == {"w/<str:slug>/"}


def test_no_view_names_an_address_of_allauth_that_this_console_does_not_have():
    absent = {
        "account_email",
        "account_confirm_email",
        "usersessions_list",
        "account_request_login",
        "mfa_list_webauthn",
        "mfa_signup_webauthn",
        "mfa_download_recovery_codes",
        "mfa_trust",
        "openid_connect_login",
        "socialaccount_signup",
        "socialaccount_connections",
    }

    there = set(get_resolver().reverse_dict)

    assert "account_login" in there
    assert absent.isdisjoint(there)


def test_a_view_cannot_name_a_permission_that_no_role_was_granted():
    class Unknown(StrEnum):
        SHOWN_TO_NOBODY = "unknown.permission"

    with pytest.raises(KeyError, match=r"unknown\.permission"):
        requires(Unknown.SHOWN_TO_NOBODY)


def test_a_permission_is_granted_once():
    with pytest.raises(ValueError, match="granted twice"):
        grant(FleetPermission.PROJECT_EDIT, to=[Role.AUDITOR])

    assert not holds(Role.AUDITOR, FleetPermission.PROJECT_EDIT)


def test_asking_for_an_unknown_permission_raises_instead_of_saying_no():
    with pytest.raises(KeyError):
        holds(Role.OWNER, "project.veiw")


def test_every_permission_is_in_the_matrix():
    assert set(ROLES) == {*WorkspacePermission, *FleetPermission}


@pytest.mark.parametrize("permission", ROLES)
def test_roles_hold_what_the_design_says(permission):
    assert {role for role in Role if holds(role, permission)} == ROLES[permission]


def test_a_role_ranks_below_those_that_may_more():
    def held(role):
        return {permission for permission in ROLES if holds(role, permission)}

    line = [Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER]
    assert [role.rank for role in line] == sorted(role.rank for role in Role)[: len(line)]
    for above, below in pairwise(line):
        assert held(above) > held(below)
    assert Role.AUDITOR.assignable() == []
    assert Role.OWNER not in {role for giver in Role for role in giver.assignable()}


def test_the_permission_stays_on_a_view_under_other_decorators():
    @requires(FleetPermission.PROJECT_EDIT)
    def view(request):
        return HttpResponse()

    @requires(FleetPermission.PROJECT_EDIT)
    async def later(request):
        return HttpResponse()

    assert view.permission == later.permission == FleetPermission.PROJECT_EDIT
