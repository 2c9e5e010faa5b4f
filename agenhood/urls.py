"""Every address of the console. What belongs to a workspace lies under /w/<slug>/.

Health checks are answered before any of these: agenhood/health.py.
"""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from agenhood import offline
from workspaces.admin import platform_site
from workspaces.views.picker import home

urlpatterns = [
    path("", home, name="home"),
    path("sign-in/", include("accounts.sign_in_urls")),
    path("account/", include("accounts.urls")),
    path("account/second-factor/", include("accounts.second_factor_urls")),
    path("", include("workspaces.urls")),
    path("w/<str:slug>/", include("agenhood.fleet.urls")),
    path("api/v1/", include("agenhood.api.urls")),
    path("admin/", platform_site.urls),
    path("offline/", login_not_required(offline.page), name="offline"),
    path("service-worker.js", login_not_required(offline.service_worker), name="service-worker"),
]

handler500 = "agenhood.errors.server_error"
