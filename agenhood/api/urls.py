from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path

from agenhood.api import views
from agenhood.api.api import api


def _open(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Mark the API's views as open to those who are not signed in: tokens are its sign-in."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern) and pattern.callback is not None:
            pattern.callback = login_not_required(pattern.callback)
    return patterns


patterns, _app, namespace = api.urls
urlpatterns = [
    path("docs", views.docs, name="api-docs"),
    path("openapi.json", login_not_required(views.document), name="api-document"),
    path("", include((_open(patterns), namespace))),
]
