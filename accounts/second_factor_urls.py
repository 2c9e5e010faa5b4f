"""The parts of allauth's second factor that are for those who are signed in, under /account/."""

from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, reverse_lazy

from accounts import second_factor_views

BACK = {"success_url": reverse_lazy("mfa_index")}  # allauth's own leads to a list of keys only

urlpatterns = [
    path("", second_factor_views.second_factor, name="mfa_index"),
    path("app/", totp.activate_totp, name="mfa_activate_totp"),
    path("app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("passkeys/add/", webauthn.add_webauthn, name="mfa_add_webauthn"),
    path(
        "passkeys/<int:pk>/name/",
        webauthn.EditWebAuthnView.as_view(**BACK),
        name="mfa_edit_webauthn",
    ),
    path(
        "passkeys/<int:pk>/remove/",
        webauthn.RemoveWebAuthnView.as_view(**BACK),
        name="mfa_remove_webauthn",
    ),
    path("recovery-codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/new/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
]
