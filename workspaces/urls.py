from django.urls import path

from workspaces.views import (
    audit,
    exports,
    home,
    invitation_links,
    invitations,
    members,
    picker,
    second_factor,
    service_accounts,
    settings,
    tokens,
)

app_name = "workspaces"
urlpatterns = [
    path("workspaces/", picker.workspace_list, name="list"),
    path("w/<str:slug>/", home.workspace_home, name="home"),
    path("w/<str:slug>/audit/", audit.audit_list, name="audit-list"),
    path("w/<str:slug>/audit/export/", audit.audit_export, name="audit-export"),
    path("w/<str:slug>/members/", members.member_list, name="member-list"),
    path(
        "w/<str:slug>/members/<uuid:membership_id>/role/", members.member_role, name="member-role"
    ),
    path(
        "w/<str:slug>/members/<uuid:membership_id>/remove/",
        members.member_remove,
        name="member-remove",
    ),
    path("w/<str:slug>/invitations/", invitations.invitation_list, name="invitation-list"),
    path("w/<str:slug>/invitations/new/", invitations.invitation_create, name="invitation-create"),
    path(
        "w/<str:slug>/invitations/<uuid:invitation_id>/link/",
        invitations.invitation_link,
        name="invitation-link",
    ),
    path(
        "w/<str:slug>/invitations/<uuid:invitation_id>/send/",
        invitations.invitation_send,
        name="invitation-send",
    ),
    path(
        "w/<str:slug>/invitations/<uuid:invitation_id>/revoke/",
        invitations.invitation_revoke,
        name="invitation-revoke",
    ),
    path(
        "invitations/open/<str:secret>/", invitation_links.invitation_open, name="invitation-open"
    ),
    path("invitations/accept/", invitation_links.invitation_accept, name="invitation-accept"),
    path("invitations/switch/", invitation_links.invitation_switch, name="invitation-switch"),
    path("invitations/mail/", invitation_links.invitation_mail, name="invitation-mail"),
    path(
        "invitations/<uuid:invitation_id>/accept/",
        invitation_links.invitation_take,
        name="invitation-take",
    ),
    path("w/<str:slug>/tokens/", tokens.token_list, name="token-list"),
    path("w/<str:slug>/tokens/new/", tokens.token_create, name="token-create"),
    path("w/<str:slug>/tokens/<uuid:token_id>/revoke/", tokens.token_revoke, name="token-revoke"),
    path(
        "w/<str:slug>/service-accounts/",
        service_accounts.service_account_list,
        name="service_account-list",
    ),
    path(
        "w/<str:slug>/service-accounts/new/",
        service_accounts.service_account_create,
        name="service_account-create",
    ),
    path(
        "w/<str:slug>/service-accounts/<uuid:service_account_id>/",
        service_accounts.service_account_detail,
        name="service_account-detail",
    ),
    path(
        "w/<str:slug>/service-accounts/<uuid:service_account_id>/edit/",
        service_accounts.service_account_edit,
        name="service_account-edit",
    ),
    path(
        "w/<str:slug>/service-accounts/<uuid:service_account_id>/disable/",
        service_accounts.service_account_disable,
        name="service_account-disable",
    ),
    path(
        "w/<str:slug>/service-accounts/<uuid:service_account_id>/enable/",
        service_accounts.service_account_enable,
        name="service_account-enable",
    ),
    path(
        "w/<str:slug>/service-accounts/<uuid:service_account_id>/tokens/new/",
        service_accounts.service_account_token,
        name="service_account-token",
    ),
    path(
        "second-factor-required/",
        second_factor.second_factor_required,
        name="second-factor-required",
    ),
    path("w/<str:slug>/settings/", settings.settings_general, name="settings-general"),
    path(
        "w/<str:slug>/settings/second-factor/",
        settings.settings_second_factor,
        name="settings-second-factor",
    ),
    path("w/<str:slug>/exports/", exports.export_list, name="export-list"),
    path(
        "w/<str:slug>/exports/<uuid:export_id>/download/",
        exports.export_download,
        name="export-download",
    ),
    path("w/<str:slug>/leave/", members.leave, name="leave"),
    path("w/<str:slug>/ownership/", members.ownership_transfer, name="ownership-transfer"),
]
