"""Who may ask at all, in which time zone the answer is shown, and that nobody keeps it."""

import zoneinfo
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect


def sign_in_redirect(request: Any) -> HttpResponse:
    """Lead to sign-in and back to the page: its own address, not that of a fragment in it."""
    if not request.htmx:
        return redirect_to_login(request.get_full_path())
    try:
        page = request.htmx.current_url_abs_path
    except ValueError:  # the header is no address at all
        page = None
    if not page or not url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        page = resolve_url(settings.LOGIN_REDIRECT_URL)
    return HttpResponseClientRedirect(redirect_to_login(page).url)


class KeepNothingMiddleware:
    """Let no browser and no proxy keep a page: the next one to look may be somebody else."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        return response


class SessionCookieMiddleware:
    """Drop a session cookie that no session can have: PostgreSQL's text knows no NUL."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if "\0" in request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return self.get_response(request)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Refuse every view that is not marked as open to all (`@login_not_required`)."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> Any:
        return sign_in_redirect(request)


class TimeZoneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if not request.user.is_authenticated:
            return self.get_response(request)
        with timezone.override(zoneinfo.ZoneInfo(request.user.time_zone)):
            return self.get_response(request)
