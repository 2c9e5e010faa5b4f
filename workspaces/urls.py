from django.urls import path

from workspaces.views import home, members, picker

app_name = "workspaces"
urlpatterns = [
    path("workspaces/", picker.workspace_list, name="list"),
    path("w/<str:slug>/", home.workspace_home, name="home"),
    path("w/<str:slug>/members/", members.member_list, name="member-list"),
    path(
        "w/<str:slug>/members/<uuid:membership_id>/role/", members.member_role, name="member-role"
    ),
    path(
        "w/<str:slug>/members/<uuid:membership_id>/remove/",
        members.member_remove,
        name="member-remove",
    ),
    path("w/<str:slug>/leave/", members.leave, name="leave"),
    path("w/<str:slug>/ownership/", members.ownership_transfer, name="ownership-transfer"),
]
