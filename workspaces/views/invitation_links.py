"""Where an invitation's link leads: outside any workspace, for whoever holds it.

The link is read once and its hash remembered in the session; the pages after that have an address
without a secret, which no `Referer` and no history gives away. One page says of everything that is
wrong with an invitation that it cannot be used.
"""

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.utils import perform_login
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.mail import mail_is_set_up
from accounts.models import User
from accounts.provisioning import AccountExists
from accounts.requests import SignedInRequest
from workspaces.audit import Actor, acting, record_denied
from workspaces.audit.actor import origin, person
from workspaces.invitations import acceptance
from workspaces.invitations.acceptance import Link, NoInvitation, Offer
from workspaces.invitations.forms import NewcomerForm
from workspaces.invitations.mail import send
from workspaces.invitations.models import Invitation

KEPT = "invitation"  # in the session: the workspace's id and the hash of the secret
RATES = {"accept": "30/m/ip", "mail": "10/h/ip"}


@sensitive_variables()
@require_safe
@login_not_required
def invitation_open(request: HttpRequest, secret: str) -> HttpResponse:
    """Remember a link, whatever it is worth, and go on without it in the address."""
    link = Link.parse(secret)
    request.session[KEPT] = [str(link.workspace_id), link.digest.hex()]
    response = redirect("workspaces:invitation-accept")
    response["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
@login_not_required
def invitation_accept(request: Any) -> HttpResponse:
    """Show the invitation that was opened, and accept it."""
    try:
        link = _kept(request)
        offer = acceptance.offer_of(link)
        if request.method == "POST" and not _within(request, "accept"):
            return render(request, "429.html", status=429)
        if request.user.is_authenticated:
            return _as_signed_in(request, link, offer)
        return _as_stranger(request, link, offer)
    except NoInvitation:
        return _unusable(request)


@require_POST
def invitation_take(request: SignedInRequest, invitation_id: UUID) -> HttpResponse:
    """Accept one of the signed-in person's own invitations, from their list."""
    try:
        workspace = acceptance.accept_own(invitation_id, request.user, person(request))
    except NoInvitation:
        return _unusable(request)
    return redirect(workspace)


@require_POST
@login_not_required
def invitation_switch(request: Any) -> HttpResponse:
    """Sign out, and lead to sign-in and back to the invitation that was opened."""
    kept = request.session.get(KEPT)
    if request.user.is_authenticated:
        get_adapter(request).logout(request)
    if kept:
        request.session[KEPT] = kept
    return redirect_to_login(reverse("workspaces:invitation-accept"))


@require_POST
@login_not_required
def invitation_mail(request: Any) -> HttpResponse:
    """Mail the invited address a link that proves it, which a copied one does not."""
    try:
        link = _kept(request)
        acceptance.offer_of(link)
        if not mail_is_set_up():
            raise NoInvitation
        if not _within(request, "mail"):
            return render(request, "429.html", status=429)

        def mail(invitation: Invitation, secret: str) -> None:
            send(request, invitation, secret)

        actor = Actor("system", "whoever holds the invitation's link", **origin(request))
        try:
            acceptance.mail_again(link, mail, actor)
        except OSError:
            return render(request, "workspaces/invitation_not_mailed.html", status=503)
    except NoInvitation:
        return _unusable(request)
    messages.success(request, "The mail is on its way. Go on with the link in it.")
    return redirect("workspaces:invitation-accept")


def _as_signed_in(request: Any, link: Link, offer: Offer) -> HttpResponse:
    posted = request.method == "POST"
    if request.user.email != offer.email:
        if posted:
            with acting(person(request)):
                record_denied(
                    offer.workspace.pk,
                    "invitation.accept",
                    reason="The invitation is for another address.",
                    target_kind="invitation",
                    target_id=str(offer.invitation.pk),
                )
        context = {"invited": offer.email}
        template = "workspaces/invitation_of_another.html"
        return render(request, template, context, status=403 if posted else 200)
    if posted:
        workspace = acceptance.accept(link, request.user, person(request))
        request.session.pop(KEPT, None)
        return redirect(workspace)
    return render(request, "workspaces/invitation_accept.html", {"offer": offer})


@sensitive_variables("password")
def _as_stranger(request: Any, link: Link, offer: Offer) -> HttpResponse:
    account = User.objects.filter(email=offer.email).first()
    if account is not None and not account.is_active:
        raise NoInvitation
    # Who copied the link is not to learn from it whether the address has an account here.
    undecided = mail_is_set_up() and not offer.proves_address
    may_be_new = settings.INVITE_NEWCOMERS and (undecided or account is None)
    context: dict[str, Any] = {
        "offer": offer,
        "has_account": account is not None or undecided,
        "asks_for_mail": may_be_new and undecided,
        "contact": settings.CONTACT_EMAIL,
        "form": None,
    }
    posted = request.method == "POST"
    if may_be_new and not undecided:
        form = NewcomerForm(offer.email, request.POST if posted else None)
        if posted and form.is_valid():
            name, password = form.cleaned_data["name"], form.cleaned_data["password"]
            try:
                user, workspace = acceptance.accept_as_newcomer(
                    link, name=name, password=password, request=request
                )
            except AccountExists:
                return redirect("workspaces:invitation-accept")  # where it now says to sign in
            request.session.pop(KEPT, None)
            answer: HttpResponse = perform_login(
                request, user, redirect_url=workspace.get_absolute_url()
            )
            return answer
        context["form"] = form
    elif posted:
        return redirect_to_login(reverse("workspaces:invitation-accept"))
    template = "workspaces/invitation_welcome.html"
    return render(request, template, context, status=422 if posted else 200)


def _kept(request: HttpRequest) -> Link:
    """Return the link that this session has opened. Raises NoInvitation."""
    kept = request.session.get(KEPT)
    if not kept:
        raise NoInvitation
    return Link(UUID(kept[0]), bytes.fromhex(kept[1]))


def _within(request: HttpRequest, action: str) -> bool:
    return bool(ratelimit.consume(request, app="workspaces", action=action, config=RATES))


def _unusable(request: HttpRequest) -> HttpResponse:
    return render(request, "workspaces/invitation_unusable.html", status=404)
