from django.urls import path

from workspaces.views import audit, exports, home, members, picker, second_factor, settings

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
