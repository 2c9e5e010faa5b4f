"""Single sign-on with the OpenID Connect provider of the settings.

It lets people into accounts that are there already: the first time by the email that the provider
says is verified, from then on as the person whom the provider knew then. It makes no accounts.
"""

import hashlib
import logging
from typing import Any

import requests
from allauth.account.utils import get_next_redirect_url
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.oidc_settings import PROVIDER

logger = logging.getLogger(__name__)


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    def list_apps(
        self, request: HttpRequest, provider: Any = None, client_id: Any = None
    ) -> list[SocialApp]:
        """Return the settings' provider: none is configured in the database."""
        configured = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
        apps = [SocialApp(provider="openid_connect", **app) for app in configured]
        return [
            app
            for app in apps
            if provider in (None, app.provider, app.provider_id)
            and client_id in (None, app.client_id)
        ]

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        """Say that it did not work, and the reason to the operator alone."""
        logger.warning("single sign-on failed: %s: %.300s", error, exception)
        context = {"provider": provider, "cancelled": error == AuthError.CANCELLED}
        page = render(request, "socialaccount/authentication_error.html", context, status=401)
        raise ImmediateHttpResponse(page)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if sociallogin.is_existing and not sociallogin.user.is_active:
            raise ImmediateHttpResponse(redirect("account_inactive"))

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        return True

    def authenticate_by_email(self, sociallogin: SocialLogin) -> Any:
        """Return the account of the verified email, unless it is another identity's by now.

        An address may be given to somebody else, who must not get what the first one had.
        """
        for address in sociallogin.email_addresses:
            if address.verified is True:
                user = User.objects.filter(email=address.email.strip().lower()).first()
                if user and not SocialAccount.objects.filter(user=user).exists():
                    return user, user.email
        return None

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> Any:
        return sociallogin.user  # nobody is signed up, and names here are one's own to choose


class _Client(OpenIDConnectOAuth2Adapter):
    """Asks the provider, and believes only what it has signed."""

    @property
    def openid_config(self) -> Any:
        config = super().openid_config
        if config.get("issuer") != self.get_provider().app.settings["issuer"]:
            raise OAuth2Error("The provider says that it is another issuer.")
        return config

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any
    ) -> SocialLogin:
        try:
            claims = jwtkit.verify_and_decode(
                credential=kwargs["response"]["id_token"],
                keys_url=self.openid_config["jwks_uri"],
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                lookup_kid=jwtkit.lookup_kid_jwk,
            )
            subject = claims["sub"]
            if not claims["exp"] or not isinstance(subject, str) or not subject:
                raise ValueError("a token that never expires, or is about nobody")
            if "email" not in claims:
                claims |= self._user_info(token.token, subject)
            verified = claims.get("email_verified")
            # Some providers quote it, which would make "false" true.
            claims["email_verified"] = verified is True or verified == "true"
            if not isinstance(claims.get("email", ""), str):
                raise TypeError("email")
        except (LookupError, TypeError, AttributeError, ValueError) as fault:
            raise OAuth2Error("The provider's answer is malformed.") from fault
        # One identity of one issuer: another issuer's "42" is somebody else.
        named = f"{claims['iss']}\n{subject}".encode()
        claims = {name: claims[name] for name in ("email", "email_verified") if name in claims}
        claims["sub"] = hashlib.sha256(named).hexdigest()
        login = self.get_provider().sociallogin_from_response(request, {"id_token": claims})
        login.account.extra_data = {}
        return login

    def _user_info(self, access_token: str, subject: str) -> dict[str, Any]:
        info = self._fetch_user_info(access_token)
        if info.get("sub") != subject:
            raise OAuth2Error("The provider's answers are about two people.")
        return {name: info[name] for name in ("email", "email_verified") if name in info}


def _provider(request: HttpRequest) -> OpenIDConnectProvider:
    """Return the settings' provider, or raise Http404."""
    try:
        provider = get_adapter(request).get_provider(request, PROVIDER)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    provider.oauth2_adapter_class = _Client
    return provider


def provider_name() -> str:
    """Return what the sign-in page calls the provider, or "" when there is none."""
    apps = SingleSignOnAdapter().list_apps(None)  # type: ignore[arg-type]
    return apps[0].name if apps else ""


@login_not_required
@never_cache
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Lead to the provider, by a page: `form-action` holds for a form's redirects as well."""
    provider = _provider(request)
    if not ratelimit.consume(request, action="login"):  # each asks the provider something
        return render(request, "429.html", status=429)
    next_url = get_next_redirect_url(request)
    try:
        answer = provider.redirect(request, AuthProcess.LOGIN, next_url=next_url)
    except (requests.RequestException, OAuth2Error, LookupError, AttributeError) as fault:
        return render_authentication_error(request, provider, exception=fault)
    if answer.status_code != 302:
        return answer
    context = {"provider": provider, "address": answer["Location"]}
    return render(request, "socialaccount/leave.html", context)


@login_not_required
@never_cache
@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the provider's answer."""
    _provider(request)
    view: Any = OAuth2CallbackView.adapter_view(_Client(request, provider_id))
    answer: HttpResponse = view(request)
    return answer
