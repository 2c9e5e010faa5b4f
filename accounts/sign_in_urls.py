"""The parts of allauth that this console has. Its other pages do not exist here."""

from allauth.account import views
from allauth.mfa.base import views as second_factor
from django.contrib.auth.decorators import login_not_required
from django.urls import path, re_path

from accounts import oidc
from accounts.oidc_settings import PROVIDER
from accounts.password_views import ForgottenPasswordView
from accounts.second_factor_views import PasskeyAgainView, PasskeySignInView, SignInView

urlpatterns = [
    path("", SignInView.as_view(), name="account_login"),
    path("passkey/", login_not_required(PasskeySignInView.as_view()), name="mfa_login_webauthn"),
    path("second-factor/", second_factor.authenticate, name="mfa_authenticate"),
    path("oidc/", oidc.start, name="oidc-start"),
    path("oidc/callback/", oidc.callback, {"provider_id": PROVIDER}, "openid_connect_callback"),
    path("out/", views.logout, name="account_logout"),
    path("up/", views.signup, name="account_signup"),  # closed; says so
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("again/", views.reauthenticate, name="account_reauthenticate"),
    path("again/code/", second_factor.reauthenticate, name="mfa_reauthenticate"),
    path("again/passkey/", PasskeyAgainView.as_view(), name="mfa_reauthenticate_webauthn"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path(
        "password/reset/",
        login_not_required(ForgottenPasswordView.as_view()),
        name="account_reset_password",
    ),
    path("password/reset/sent/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
