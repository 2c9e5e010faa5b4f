"""The page that a browser shows by itself while the console cannot be reached.

A service worker keeps that one page and its style, and nothing else: no answer of the console is
ever stored by it.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "offline.html")


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the script from the root, since a service worker sees only what lies below it."""
    context = {
        "page": reverse("offline"),
        "kept": [static(name) for name in ("console.css", "icons.svg", "favicon/agenhood.svg")],
    }
    response = render(request, "service_worker.js", context, content_type="text/javascript")
    response["Cache-Control"] = "no-cache"
    return response
