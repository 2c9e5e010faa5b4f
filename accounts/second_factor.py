"""A person's second factor: an authenticator app, passkeys, and recovery codes for the day when
both are lost. allauth checks them; here is how they are kept and what is told about them.

Seeds are sealed with the instance's master key. A passkey's public key is no secret.
"""

import base64
import io
from dataclasses import dataclass
from typing import Any

from allauth.core import context
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_variables

from accounts import master_key
from accounts.models import User

CONTEXT = b"accounts.second_factor"
SEALED = ("secret", "seed")  # what an authenticator app's and the recovery codes' rows keep
Type = Authenticator.Type


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code or passkey is not right, or was used before.",
    }

    @sensitive_variables()
    def encrypt(self, text: str) -> str:
        return base64.b64encode(master_key.seal(text.encode(), CONTEXT)).decode()

    @sensitive_variables()
    def decrypt(self, encrypted_text: str) -> str:
        return master_key.open_sealed(base64.b64decode(encrypted_text), CONTEXT).decode()

    def get_totp_issuer(self) -> str:
        """Name the installation: a person may have an account in several."""
        return f"Agenhood {context.request.get_host().partition(':')[0]}"

    @sensitive_variables()
    def build_totp_svg(self, url: str) -> SafeString:
        """Draw the QR code as an element of the page, which the policy of images lets through."""
        import qrcode

        code = qrcode.QRCode(border=2)
        code.add_data(url)
        rows = code.get_matrix()
        path = io.StringIO()
        for y, row in enumerate(rows):
            for x, dark in enumerate(row):
                if dark:
                    path.write(f"M{x} {y}h1v1h-1z")
        return format_html(
            '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="QR code with the key'
            ' below"><path fill="#fff" d="M0 0h{0}v{0}H0z"/><path d="{1}"/></svg>',
            len(rows),
            path.getvalue(),
        )

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return f"Passkey {count + 1}"


@dataclass(frozen=True, slots=True)
class Summary:
    """`codes_left` is None for somebody who has no recovery codes, as without another factor."""

    app: Authenticator | None
    passkeys: list[Authenticator]
    codes_left: int | None

    @property
    def is_set_up(self) -> bool:
        return bool(self.app or self.passkeys)


def summary(user: User) -> Summary:
    rows = list(Authenticator.objects.filter(user=user).order_by("created_at", "pk"))
    codes = next((row for row in rows if row.type == Type.RECOVERY_CODES), None)
    return Summary(
        app=next((row for row in rows if row.type == Type.TOTP), None),
        passkeys=[row for row in rows if row.type == Type.WEBAUTHN],
        codes_left=codes and app_settings.RECOVERY_CODE_COUNT - codes.data["used_mask"].bit_count(),
    )


def reseal_all() -> int:
    """Seal every seed with the first master key. Return how many were not yet."""
    written = 0
    sealed = [Type.TOTP, Type.RECOVERY_CODES]
    for pk in Authenticator.objects.filter(type__in=sealed).values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            written += row is not None and _reseal(row)
    return written


@sensitive_variables()
def _reseal(row: Authenticator) -> bool:
    before = {name: row.data[name] for name in SEALED if name in row.data}
    after = {
        name: base64.b64encode(master_key.reseal(base64.b64decode(sealed), CONTEXT)).decode()
        for name, sealed in before.items()
    }
    if after == before:
        return False
    row.data |= after
    row.save(update_fields=["data"])
    return True


@receiver(authenticator_added)
def end_sessions_without_it(
    request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any
) -> None:
    """The first second factor ends sessions that were begun without one, but for this one."""
    others = Authenticator.objects.filter(user=user).exclude(pk=authenticator.pk)
    is_first = not others.exclude(type=Type.RECOVERY_CODES).exists()
    if authenticator.type == Type.RECOVERY_CODES or not is_first:
        return
    sessions = UserSession.objects.filter(user=user)
    for session in sessions.exclude(session_key=request.session.session_key):
        session.end()
