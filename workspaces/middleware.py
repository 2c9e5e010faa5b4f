"""From a request to the scope that its whole answer is made in.

The address decides, never the session: `/w/<slug>/…` runs inside that workspace, `/admin/` as the
platform, everything else in no scope. The session only remembers the active workspace, for `/` and
the picker.
"""

import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import cached_property

from accounts.middleware import sign_in_redirect
from accounts.requests import SignedInRequest
from workspaces import recents
from workspaces.audit.actor import acting, person
from workspaces.audit.refusals import record_refusal
from workspaces.requests import MemberRequest
from workspaces.scope import NotAMember, SecondFactorMissing, member_scope, platform_scope
from workspaces.second_factor import lead_to_second_factor, must_have_second_factor
from workspaces.streaming import rescope

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
WORKSPACE_PATH = re.compile(r"/w/(?P<slug>[^/]*)")
SLUG = re.compile(r"[a-z0-9-]{1,40}")


class WorkspaceMiddleware:
    """Sets `request.workspace` and `request.membership`, or None outside a workspace.

    One statement of its own on a workspace's page: it asks for the membership and enters.

    Synchronous, so that one `with` in one thread opens and closes the scope even when a client goes
    away; Django runs async views inside it on the same connection.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        request.workspace = request.membership = None
        request.in_scope = False
        if path := WORKSPACE_PATH.match(request.path_info):
            try:
                return self._in_workspace(request, path["slug"])
            except SecondFactorMissing:
                return lead_to_second_factor(request, path["slug"])
        if request.path_info.startswith(self._admin_path):
            return self._as_platform(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """A view that failed leaves nothing behind in its scope."""
        if request.in_scope:  # type: ignore[attr-defined]
            transaction.set_rollback(True)
        if isinstance(exception, PermissionDenied):
            request.refusal = str(exception)  # type: ignore[attr-defined]

    def _in_workspace(self, request: Any, slug: str) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_redirect(request)
        if not SLUG.fullmatch(slug):
            raise Http404
        with acting(person(request)):
            response = self._as_member(request, slug)
            if response.status_code == 403:
                record_refusal(request)
        if isinstance(response, StreamingHttpResponse):
            rescope(request, response)
        response["Cache-Control"] = "private, no-store"
        patch_vary_headers(response, ["HX-Request"])
        if request.method == "GET" and not request.htmx:
            recents.remember(request.session, request.workspace)
        return response

    def _as_member(self, request: Any, slug: str) -> HttpResponseBase:
        try:
            with member_scope(slug, request.user.pk) as scope:
                request.in_scope = True
                request.membership = scope.membership
                request.workspace = scope.membership.workspace
                return self._answer(request)
        except SecondFactorMissing:
            raise
        except NotAMember:
            raise Http404 from None

    def _answer(self, request: MemberRequest) -> HttpResponseBase:
        if request.workspace.is_suspended and request.method not in SAFE_METHODS:
            request.refusal = "The workspace is suspended."  # type: ignore[attr-defined]
            return render(request, "workspaces/workspace_suspended.html", status=403)
        response = self.get_response(request)
        if response.status_code >= 500:
            transaction.set_rollback(True)
        return response

    def _as_platform(self, request: SignedInRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_redirect(request)
        if not request.user.is_staff:
            raise Http404
        if must_have_second_factor(request.user):
            return lead_to_second_factor(request)
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("PostgreSQL's text knows no NUL.")
        with acting(person(request, kind="staff")), platform_scope("admin site"):
            request.in_scope = True  # type: ignore[attr-defined]
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
        response["Cache-Control"] = "private, no-store"
        return response

    @cached_property
    def _admin_path(self) -> str:
        return reverse("admin:index")
