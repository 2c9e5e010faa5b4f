"""Every address of the console. What belongs to a workspace lies under /w/<slug>/."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from agenhood import health, offline
from workspaces.admin import platform_site
from workspaces.views.picker import home

urlpatterns = [
    path("", home, name="home"),
    path("sign-in/", include("accounts.sign_in_urls")),
    path("account/", include("accounts.urls")),
    path("", include("workspaces.urls")),
    path("w/<str:slug>/", include("agenhood.fleet.urls")),
    path("admin/", platform_site.urls),
    path("offline/", login_not_required(offline.page), name="offline"),
    path("service-worker.js", login_not_required(offline.service_worker), name="service-worker"),
    path("livez", login_not_required(health.livez), name="livez"),
    path("readyz", login_not_required(health.readyz), name="readyz"),
]
