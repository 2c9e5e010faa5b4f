"""The mail that carries an invitation's own link."""

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from workspaces.invitations.models import Invitation
from workspaces.models import Workspace


@sensitive_variables()
def link_to(request: HttpRequest, secret: str) -> str:
    return request.build_absolute_uri(reverse("workspaces:invitation-open", args=[secret]))


@sensitive_variables()
def send(request: HttpRequest, invitation: Invitation, secret: str) -> None:
    """Render the mail from what is in the invitation's workspace, in whose scope this is called,
    and hand it to the mail server. Raises OSError when that refuses."""
    inviter = User.objects.filter(pk=invitation.invited_by_id).first()
    context = {
        "workspace": Workspace.objects.get(pk=invitation.workspace_id),
        "role": invitation.get_role_display(),
        "inviter": inviter,
        "expires_at": invitation.expires_at,
        "email": invitation.email,
        "link": link_to(request, secret),
    }
    get_adapter(request).send_mail("workspaces/email/invitation", invitation.email, context)
