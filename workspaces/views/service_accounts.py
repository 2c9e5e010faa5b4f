"""The accounts of programs: made, changed and disabled by managers, who also make their tokens."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest
from workspaces.roles import Role
from workspaces.tokens import actions
from workspaces.tokens.actions import TokenActionRefused
from workspaces.tokens.forms import ServiceAccountForm
from workspaces.tokens.models import ServiceAccount, Token
from workspaces.views.member_tabs import member_tabs
from workspaces.views.tokens import MOST_ENDED, create_page

PERMISSION = WorkspacePermission.SERVICE_ACCOUNT_MANAGE


@require_safe
@requires(PERMISSION)
def service_account_list(request: MemberRequest) -> HttpResponse:
    accounts = list(ServiceAccount.objects.order_by("name"))
    live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    found = (
        Token.objects.exclude(service_account=None)
        .values("service_account")
        .annotate(used=Max("last_used_at"), live=Count("pk", filter=live & Q(revoked_at=None)))
    )
    tokens = {row["service_account"]: row for row in found}
    rows = [{"account": account, "tokens": tokens.get(account.pk)} for account in accounts]
    context = {"rows": rows, "tabs": member_tabs(request)}
    return render(request, "workspaces/service_account_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(PERMISSION)
def service_account_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = ServiceAccountForm(Role(request.membership.role), request.POST if posted else None)
    if posted and form.is_valid():
        data = form.cleaned_data
        try:
            account = actions.create_service_account(
                name=data["name"], role=Role(data["role"]), by=request.membership
            )
        except TokenActionRefused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("workspaces:service_account-detail", request.workspace.slug, account.pk)
    context = {"form": form}
    template = "workspaces/service_account_create.html"
    return render(request, template, context, status=422 if posted else 200)


@require_safe
@requires(PERMISSION)
def service_account_detail(request: MemberRequest, service_account_id: UUID) -> HttpResponse:
    account = _account(service_account_id)
    tokens = Token.objects.filter(service_account=account).order_by("-id")
    maker = User.objects.filter(pk=account.created_by_id).first()  # unseen once they have left
    context = {
        "account": account,
        "maker": maker,
        "tokens": tokens.live(),
        "ended": tokens.ended()[:MOST_ENDED],
    }
    return render(request, "workspaces/service_account_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(PERMISSION)
def service_account_edit(request: MemberRequest, service_account_id: UUID) -> HttpResponse:
    account = _account(service_account_id)
    posted = request.method == "POST"
    form = ServiceAccountForm(
        Role(request.membership.role), request.POST if posted else None, instance=account
    )
    if posted and form.is_valid():
        data = form.cleaned_data
        try:
            actions.change_service_account(
                account, name=data["name"], role=Role(data["role"]), by=request.membership
            )
        except TokenActionRefused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("workspaces:service_account-detail", request.workspace.slug, account.pk)
    if posted:
        account.refresh_from_db()  # a ModelForm leaves rejected values on its instance
    context = {"account": account, "form": form}
    template = "workspaces/service_account_edit.html"
    return render(request, template, context, status=422 if posted else 200)


@require_POST
@requires(PERMISSION)
def service_account_disable(request: MemberRequest, service_account_id: UUID) -> HttpResponse:
    return _set_disabled(request, service_account_id, True)


@require_POST
@requires(PERMISSION)
def service_account_enable(request: MemberRequest, service_account_id: UUID) -> HttpResponse:
    return _set_disabled(request, service_account_id, False)


@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(PERMISSION)
def service_account_token(request: MemberRequest, service_account_id: UUID) -> HttpResponse:
    account = _account(service_account_id)
    return create_page(request, Role(account.role), account)


def _set_disabled(request: MemberRequest, account_id: UUID, disabled: bool) -> HttpResponse:
    account = _account(account_id)
    try:
        actions.set_service_account_disabled(account, disabled, by=request.membership)
    except TokenActionRefused as refused:
        raise PermissionDenied(str(refused)) from None
    return redirect("workspaces:service_account-detail", request.workspace.slug, account.pk)


def _account(account_id: UUID) -> ServiceAccount:
    account: Any = get_object_or_404(ServiceAccount.objects, pk=account_id)
    return account
