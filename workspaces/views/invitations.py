"""Invitations of a workspace, for those who manage its members."""

from typing import Any
from uuid import UUID

from allauth.core.internal import ratelimit
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.mail import mail_is_set_up
from workspaces.invitations import actions
from workspaces.invitations.actions import InvitationRefused, may_invite
from workspaces.invitations.forms import InvitationForm
from workspaces.invitations.mail import link_to, send
from workspaces.invitations.models import Invitation
from workspaces.models import Membership
from workspaces.permissions import WorkspacePermission, requires
from workspaces.requests import MemberRequest
from workspaces.roles import Role
from workspaces.views.member_tabs import member_tabs

PERMISSION = WorkspacePermission.MEMBER_MANAGE
# What a workspace may send or renew, all its managers together: mails go to strangers' addresses.
RATE = {"app": "workspaces", "action": "invite", "config": {"invite": "60/h/key"}}
TOO_MANY = "Too many invitations were sent within the hour. Wait a while."


@require_safe
@requires(PERMISSION)
def invitation_list(request: MemberRequest) -> HttpResponse:
    return _list_page(request)


@sensitive_variables()
@require_http_methods(["GET", "POST"])
@requires(PERMISSION)
def invitation_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = InvitationForm(request.membership, request.POST if posted else None)
    if posted and form.is_valid():
        try:
            _refuse_too_many(request)
            invitation = actions.invite(
                email=form.cleaned_data["email"],
                role=Role(form.cleaned_data["role"]),
                by=request.membership,
            )
        except InvitationRefused as refused:
            form.add_error("email", str(refused))
        else:
            mailed = mail_is_set_up() and _mail(request, invitation)
            secret = actions.first_link(invitation, by=request.membership)
            return _link_page(request, invitation, secret, mailed=mailed)
    context = {"form": form, "mails": mail_is_set_up(), "days": actions.DAYS}
    template = "workspaces/invitation_create.html"
    return render(request, template, context, status=422 if posted else 200)


@sensitive_variables()
@require_POST
@requires(PERMISSION)
def invitation_link(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Show a new link, this once; the one that was copied before is void from now on."""
    invitation = _invitation(invitation_id)
    try:
        _refuse_too_many(request)
        secret = actions.renew_link(invitation, by=request.membership)
        return _link_page(request, invitation, secret)
    except InvitationRefused as refused:
        return _list_page(request, {invitation.pk: str(refused)})


@require_POST
@requires(PERMISSION)
def invitation_send(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Mail a new link; the one that was mailed before is void from now on."""
    invitation = _invitation(invitation_id)
    try:
        if not mail_is_set_up():
            raise InvitationRefused("This installation sends no mail: copy a link instead.")
        _refuse_too_many(request)
        if not _mail(request, invitation):
            raise InvitationRefused("The mail could not be sent: copy a link instead.")
    except InvitationRefused as refused:
        return _list_page(request, {invitation.pk: str(refused)})
    back = reverse("workspaces:invitation-list", args=[request.workspace.slug])
    return redirect(f"{back}?mailed={invitation.pk}")


@require_POST
@requires(PERMISSION)
def invitation_revoke(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    invitation = _invitation(invitation_id)
    try:
        actions.revoke(invitation, by=request.membership)
    except InvitationRefused as refused:
        return _list_page(request, {invitation.pk: str(refused)})
    return redirect("workspaces:invitation-list", request.workspace.slug)


@sensitive_variables()
def _link_page(
    request: MemberRequest, invitation: Invitation, secret: str, *, mailed: bool = False
) -> HttpResponse:
    """Show a fresh link in the answer itself, and keep it nowhere."""
    context = {
        "invitation": invitation,
        "link": link_to(request, secret),
        "mails": mail_is_set_up(),
        "mailed": mailed,
    }
    return render(request, "workspaces/invitation_link.html", context, status=201)


@sensitive_variables()
def _mail(request: MemberRequest, invitation: Invitation) -> bool:
    """Mail a new link and return whether that worked; else the link mailed before stays good."""
    try:
        with transaction.atomic():
            secret = actions.renew_mail(invitation, by=request.membership)
            send(request, invitation, secret)
    except OSError:
        invitation.refresh_from_db()
        return False
    return True


def _refuse_too_many(request: MemberRequest) -> None:
    key = str(request.workspace.pk)
    if not ratelimit.consume(request, key=key, **RATE):
        raise InvitationRefused(TOO_MANY)


def _list_page(request: MemberRequest, errors: dict[UUID, str] | None = None) -> HttpResponse:
    invitations = list(Invitation.objects.unsettled().order_by("-id")[: 2 * actions.MOST_OPEN])
    inviters = {
        member.user_id: member
        for member in Membership.objects.select_related("user").filter(
            user__in={i.invited_by_id for i in invitations}
        )
    }
    rows: list[dict[str, Any]] = []
    for invitation in invitations:
        inviter = inviters.get(invitation.invited_by_id)
        stands = (
            inviter is not None
            and inviter.user.is_active
            and may_invite(inviter, Role(invitation.role))
        )
        rows.append(
            {
                "invitation": invitation,
                "inviter": inviter.user if inviter else None,
                "stands": stands,
                "may_renew": may_invite(request.membership, Role(invitation.role)),
                "error": (errors or {}).get(invitation.pk, ""),
                "just_mailed": request.GET.get("mailed") == str(invitation.pk),
            }
        )
    context = {"rows": rows, "mails": mail_is_set_up(), "tabs": member_tabs(request)}
    template = "workspaces/invitation_list.html"
    return render(request, template, context, status=422 if errors else 200)


def _invitation(invitation_id: UUID) -> Invitation:
    unsettled = Invitation.objects.unsettled().select_for_update(no_key=True)
    invitation: Invitation = get_object_or_404(unsettled, pk=invitation_id)
    return invitation
