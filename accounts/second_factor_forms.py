"""allauth's forms of the second factor, stricter: a code is taken once, malformed JSON is a wrong
answer and no fault, and guesses are limited by the day as well."""

import hmac
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt, encrypt
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

# A stolen password and five tries in five minutes, for months, would find a code of six digits.
GUESSES = {"second_factor": "30/d/key"}
NAME_LENGTH = 60
HELP = "Six digits from your authenticator app, or a recovery code."
BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


def code_field(label: str, help_text: str = "") -> forms.CharField:
    """Return a field that browsers and password managers fill in, and that takes a paste."""
    attributes = {"autocomplete": "one-time-code", "spellcheck": "false", "autofocus": True}
    return forms.CharField(
        label=label, max_length=32, help_text=help_text, widget=forms.TextInput(attrs=attributes)
    )


class _TakesCodeOnce:
    """allauth remembers a used code for one period, and with a tolerance it is good for three."""

    user: Any
    authenticator: Authenticator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {"code": code_field("Code", HELP)}

    @sensitive_variables()
    def clean_code(self) -> str:
        limit = {"app": "accounts", "config": GUESSES, "action": "second_factor"}
        key = f"second-factor-{self.user.pk}"
        if not ratelimit.consume(context.request, key=key, **limit):
            raise ValidationError("Too many wrong codes. Try again tomorrow, or use a passkey.")
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP and not use_once(
            self.authenticator, code
        ):
            raise get_adapter().validation_error("incorrect_code")
        ratelimit.clear(context.request, key=key, **limit)
        return code


@sensitive_variables()
def use_once(authenticator: Authenticator, code: str) -> bool:
    """Return whether the code is newer than the last one that was taken, and remember it.

    RFC 6238, 5.2: a second attempt with a code that was accepted must be refused.
    """
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        secret = decrypt(row.data["secret"])
        wanted = normalize_user_code(code)
        matching = [
            counter
            for counter in totp.yield_hotp_counters_from_time()
            if hmac.compare_digest(
                totp.format_hotp_value(totp.hotp_value(secret, counter)).encode(), wanted.encode()
            )
        ]
        if not matching or matching[-1] <= row.data.get("used_counter", -1):
            return False
        row.data["used_counter"] = matching[-1]
        row.save(update_fields=["data"])
    return True


class CodeForm(_TakesCodeOnce, AuthenticateForm):
    pass


class CodeAgainForm(_TakesCodeOnce, ReauthenticateForm):
    pass


class AppForm(ActivateTOTPForm):
    """Until its first code is right, the seed waits in the session, sealed as it will be kept."""

    @sensitive_variables()
    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.user = user
        self.secret = _pending_secret(regenerate=not self.is_bound)
        self.fields["code"] = code_field("Code from the app")


@sensitive_variables()
def _pending_secret(*, regenerate: bool) -> str:
    session = context.request.session
    kept = None if regenerate else session.get(totp.SECRET_SESSION_KEY)
    if kept:
        return str(decrypt(kept))
    secret = totp.generate_totp_secret()
    session[totp.SECRET_SESSION_KEY] = encrypt(secret)
    return str(secret)


@contextmanager
def _malformed_is_wrong() -> Iterator[None]:
    """What a browser's script posts is JSON of any shape, and what it holds is binary."""
    try:
        yield
    except ValidationError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, struct.error, OverflowError):
        raise get_adapter().validation_error("incorrect_code") from None


class CredentialField(forms.JSONField):
    """What the browser's authenticator answered, as JSON; Django's field breaks on some of it."""

    LONGEST = 50_000  # characters; a passkey's first answer has about a thousand
    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            if isinstance(value, str) and len(value) > self.LONGEST:
                raise ValueError("too long")
            return super().to_python(value)
        except (ValueError, RecursionError):
            raise get_adapter().validation_error("incorrect_code") from None


class PasskeyForm(AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = CredentialField()
        self.fields["name"] = forms.CharField(max_length=NAME_LENGTH, required=False)
        self.fields["name"].help_text = "So that you can tell your passkeys apart."
        alone: Any = self.fields["passwordless"]
        alone.label = "Sign in with it alone, without my password"
        alone.help_text = "It then asks for your fingerprint, face or PIN."
        alone.initial = True

    def clean_credential(self) -> dict[str, Any]:
        """Keep what is needed of it, and nothing else that somebody may have put there."""
        with _malformed_is_wrong():
            sent = self.cleaned_data["credential"]
            properties = sent["clientExtensionResults"].get("credProps", {})
            return {
                **_binary(sent, "id", "rawId"),
                "type": "public-key",
                "response": _binary(sent["response"], "clientDataJSON", "attestationObject"),
                "clientExtensionResults": {"credProps": {"rk": properties.get("rk") is True}},
            }

    def clean(self) -> Any:
        with _malformed_is_wrong():
            return super().clean()


def _binary(sent: dict[str, Any], *names: str) -> dict[str, str]:
    if not all(BASE64URL.fullmatch(sent[name]) for name in names):
        raise ValueError("not base64url")
    return {name: sent[name] for name in names}


class PasskeyNameForm(EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = forms.CharField(max_length=NAME_LENGTH)


class _TakesAnyJson:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {"credential": CredentialField()}

    def clean_credential(self) -> Authenticator:
        with _malformed_is_wrong():
            credential: Authenticator = super().clean_credential()  # type: ignore[misc]
        return credential


class PasskeyProofForm(_TakesAnyJson, AuthenticateWebAuthnForm):
    pass


class PasskeySignInForm(_TakesAnyJson, LoginWebAuthnForm):
    pass


class PasskeyAgainForm(_TakesAnyJson, ReauthenticateWebAuthnForm):
    pass
