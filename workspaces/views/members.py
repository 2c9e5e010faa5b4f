"""Who belongs to a workspace, and in which role."""

from typing import Any

from allauth.core import ratelimit
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.htmx import is_partial
from workspaces import membership as actions
from workspaces.forms import OwnershipTransferForm
from workspaces.membership import MembershipRefused
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest
from workspaces.roles import Role
from workspaces.tokens.models import Token
from workspaces.views.member_tabs import member_tabs


@require_safe
@requires(WorkspacePermission.MEMBER_VIEW)
def member_list(request: MemberRequest) -> HttpResponse:
    return _member_list(request)


@require_POST
@requires(WorkspacePermission.MEMBER_MANAGE)
def member_role(request: MemberRequest, membership_id: Any) -> HttpResponse:
    member = get_object_or_404(Membership.objects.select_related("user"), pk=membership_id)
    wanted = request.POST.get("role", "")
    try:
        if wanted not in Role:
            raise MembershipRefused("Choose a role from the list.")
        actions.change_role(member, Role(wanted), by=request.membership)
    except MembershipRefused as refused:
        return _member_list(request, refused={member.pk: str(refused)}, status=422)
    if is_partial(request):
        return _member_list(request)
    return redirect("workspaces:member-list", request.workspace.slug)


@require_http_methods(["GET", "POST"])
@requires(WorkspacePermission.MEMBER_MANAGE)
def member_remove(request: MemberRequest, membership_id: Any) -> HttpResponse:
    member = get_object_or_404(Membership.objects.select_related("user"), pk=membership_id)
    context = {
        "membership": member,
        "error": actions.locked_reason(member, by=request.membership),
        "known_tokens": Token.objects.live()
        .filter(created_by=member.user_id, service_account__disabled_at=None)
        .exclude(service_account=None)
        .select_related("service_account")
        .order_by(Lower("service_account__name"), "pk"),
    }
    if request.method == "POST":
        try:
            actions.remove(member, by=request.membership)
        except MembershipRefused as refused:
            context["error"] = str(refused)
        else:
            return redirect("workspaces:member-list", request.workspace.slug)
    status = 422 if request.method == "POST" else 200
    return render(request, "workspaces/member_remove.html", context, status=status)


@require_http_methods(["GET", "POST"])
@requires(WorkspacePermission.WORKSPACE_LEAVE)
def leave(request: MemberRequest) -> HttpResponse:
    context: dict[str, Any] = {"last_owner": is_last_owner(request)}
    if request.method == "POST":
        try:
            actions.leave(request.membership)
        except MembershipRefused as refused:
            context["error"] = str(refused)
            return render(request, "workspaces/workspace_leave.html", context, status=422)
        return redirect("home")
    return render(request, "workspaces/workspace_leave.html", context)


@require_http_methods(["GET", "POST"])
@requires(WorkspacePermission.OWNERSHIP_TRANSFER)
def ownership_transfer(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    if posted and not ratelimit.consume(request, action="reauthenticate", user=request.user):
        return render(request, "429.html", status=429)
    form = OwnershipTransferForm(request, request.POST if posted else None)
    if posted and form.is_valid():
        try:
            actions.transfer_ownership(request.membership, to=form.cleaned_data["new_owner"])
        except MembershipRefused as refused:
            form.add_error("new_owner", str(refused))
        else:
            return redirect("workspaces:member-list", request.workspace.slug)
    return render(
        request,
        "workspaces/ownership_transfer.html",
        {"form": form},
        status=422 if posted else 200,
    )


def _member_list(
    request: MemberRequest, *, refused: dict[Any, str] | None = None, status: int = 200
) -> HttpResponse:
    mine = request.membership
    manages = mine.may(WorkspacePermission.MEMBER_MANAGE)
    roles = [(role.value, role.label) for role in Role(mine.role).assignable()]
    rows = []
    for member in Membership.objects.select_related("user").order_by("user__email"):
        reason = actions.locked_reason(member, by=mine)
        rows.append(
            {
                "membership": member,
                "roles": roles,
                "can_change": manages and not reason,
                "can_remove": manages and not reason,
                "reason": reason if manages else "",
                "error": (refused or {}).get(member.pk, ""),
            }
        )
    context: dict[str, Any] = {
        "members": rows,
        "mine": mine,
        "last_owner": is_last_owner(request),
    }
    if not is_partial(request):
        context["tabs"] = member_tabs(request)
    template = "workspaces/member_list.html" + ("#members" if is_partial(request) else "")
    return render(request, template, context, status=status)


def is_last_owner(request: MemberRequest) -> bool:
    owners = Membership.objects.filter(role=Role.OWNER, user__is_active=True)
    return request.membership.role == Role.OWNER and owners.count() == 1
