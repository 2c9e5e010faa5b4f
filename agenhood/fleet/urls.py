"""Included under /w/<slug>/."""

from django.urls import path

from agenhood.fleet.views import project

app_name = "fleet"
urlpatterns = [
    path("projects/", project.project_list, name="project-list"),
    path("projects/new/", project.project_create, name="project-create"),
    path("projects/<uuid:project_id>/", project.project_detail, name="project-detail"),
    path("projects/<uuid:project_id>/rename/", project.project_rename, name="project-rename"),
    path("projects/<uuid:project_id>/archive/", project.project_archive, name="project-archive"),
    path("projects/<uuid:project_id>/restore/", project.project_restore, name="project-restore"),
    path("projects/<uuid:project_id>/delete/", project.project_delete, name="project-delete"),
]
