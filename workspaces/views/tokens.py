"""A member's own tokens in a workspace; to managers, those of others too."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest
from workspaces.roles import Role
from workspaces.tokens import actions
from workspaces.tokens.actions import TokenActionRefused
from workspaces.tokens.forms import TokenForm
from workspaces.tokens.models import ServiceAccount, Token
from workspaces.views.member_tabs import member_tabs

MOST_SHOWN = 200  # of others' tokens
MOST_ENDED = 20


@require_safe
@requires(WorkspacePermission.TOKEN_OWN)
def token_list(request: MemberRequest) -> HttpResponse:
    mine = request.membership
    tokens = Token.objects.order_by("-id")
    own = tokens.filter(membership=mine, created_by=mine.user_id)
    context: dict[str, Any] = {
        "tokens": own.live(),
        "ended": own.ended()[:MOST_ENDED],
        "tabs": member_tabs(request),
    }
    if mine.may(WorkspacePermission.MEMBER_MANAGE):
        others = tokens.live().of_people().exclude(membership=mine)
        context["others"] = others.select_related("membership__user")[:MOST_SHOWN]
    return render(request, "workspaces/token_list.html", context)


@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(WorkspacePermission.TOKEN_OWN)
def token_create(request: MemberRequest) -> HttpResponse:
    return create_page(request, Role(request.membership.role))


@require_POST
@requires(WorkspacePermission.TOKEN_OWN)
def token_revoke(request: MemberRequest, token_id: UUID) -> HttpResponse:
    """End a token: one's own, or as a manager anybody's."""
    tokens = Token.objects.all()
    if not request.membership.may(WorkspacePermission.MEMBER_MANAGE):
        tokens = tokens.filter(membership=request.membership)
    token: Token = get_object_or_404(tokens, pk=token_id)
    try:
        actions.revoke_token(token, by=request.membership)
    except TokenActionRefused as refused:
        raise PermissionDenied(str(refused)) from None
    slug = request.workspace.slug
    if token.service_account_id is not None:
        return redirect("workspaces:service_account-detail", slug, token.service_account_id)
    return redirect("workspaces:token-list", slug)


@sensitive_variables()
def create_page(
    request: MemberRequest, role: Role, account: ServiceAccount | None = None
) -> HttpResponse:
    """Ask for a new token, and show its text this once: in the answer itself, kept nowhere."""
    posted = request.method == "POST"
    form = TokenForm(role, request.POST if posted else None, may_live_forever=account is not None)
    context: dict[str, Any] = {"form": form, "account": account}
    if posted and form.is_valid():
        data = form.cleaned_data
        try:
            token, text = actions.create_token(
                name=data["name"],
                scopes=data["scopes"],
                days=data["days"],
                by=request.membership,
                service_account=account,
            )
        except TokenActionRefused as refused:
            form.add_error(None, str(refused))
        else:
            context |= {"token": token, "text": text}
            return render(request, "workspaces/token_created.html", context, status=201)
    return render(request, "workspaces/token_create.html", context, status=422 if posted else 200)
