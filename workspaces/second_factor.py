"""Whoever must have a second factor and has none is led to set one up.

A workspace may require it of its members, the settings may of platform staff. Members stay members
meanwhile: `workspaces.enter()` tells them and lets them read and change nothing.
"""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from workspaces.audit import record
from workspaces.models import Membership, Workspace


class SecondFactorRefused(Exception):
    """The change is not allowed; the message says why, for the person who asked."""


def must_have_second_factor(user: User) -> bool:
    """Whether the admin site is closed to this member of the platform's staff until they have."""
    required = settings.AGENHOOD_STAFF_SECOND_FACTOR == "required"
    return required and user.is_staff and not user.has_second_factor


def lead_to_second_factor(request: Any, slug: str = "") -> HttpResponse:
    """Lead to the page that says who requires it: a workspace, or the platform."""
    url = reverse("workspaces:second-factor-required")
    if slug:
        url += "?" + urlencode({"workspace": slug})
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def members_without() -> QuerySet[Membership]:
    """Return the active workspace's members whom a required second factor would keep out."""
    return (
        Membership.objects.filter(user__is_active=True, user__has_second_factor=False)
        .select_related("user")
        .order_by("user__email")
    )


def require_second_factor(workspace: Workspace, required: bool, *, by: User) -> None:
    """Require a second factor of the members, or no more. Raises SecondFactorRefused."""
    row = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    if row.requires_second_factor == required:
        return
    if required and not User.objects.get(pk=by.pk).has_second_factor:
        raise SecondFactorRefused("Set up your own second factor first: this would keep you out.")
    row.requires_second_factor = required
    row.save(update_fields=["requires_second_factor"])
    workspace.requires_second_factor = required
    record("workspace.change", row, changes={"requires_second_factor": (not required, required)})
