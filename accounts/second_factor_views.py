"""Pages of the second factor: allauth's views where they do, with what they lack."""

from typing import Any

from allauth.account.utils import passthrough_next_redirect_url
from allauth.account.views import LoginView
from allauth.mfa.webauthn.views import LoginWebAuthnView, ReauthenticateWebAuthnView
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.oidc import provider_name
from accounts.requests import SignedInRequest
from accounts.second_factor import summary


@require_safe
def second_factor(request: SignedInRequest) -> HttpResponse:
    """What the person has set up, and where each can be changed."""
    context = {"summary": summary(request.user)}
    return render(request, "mfa/index.html", context)


class SignInView(LoginView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"single_sign_on": provider_name()}


class PasskeySignInView(LoginWebAuthnView):
    def form_invalid(self, form: Any) -> HttpResponse:
        """Say what is wrong on the sign-in page, which still knows where to lead to."""
        for error in form.errors.get("credential", []):
            messages.error(self.request, error)
        url = reverse("account_login")
        return redirect(passthrough_next_redirect_url(self.request, url, REDIRECT_FIELD_NAME))


class PasskeyAgainView(ReauthenticateWebAuthnView):
    def form_invalid(self, form: Any) -> HttpResponse:
        """Say what is wrong here; allauth leads away to the start page."""
        context = self.get_context_data() | {"form": form}
        return self.render_to_response(context, status=422)
