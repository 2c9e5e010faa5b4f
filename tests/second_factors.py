"""Second factors for tests: set up as allauth does, proven as a person's app does it."""

import base64
import hashlib
import hmac
import secrets
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP

from accounts.models import User

PERIOD_SECONDS = 30


def give_app(user: User) -> str:
    """Set up an authenticator app without its pages, and return its key."""
    key = base64.b32encode(secrets.token_bytes(20)).decode()
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, key)
    user.refresh_from_db()
    return key


def give_recovery_codes(user: User) -> list[str]:
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    return codes


def code(key: str, *, periods: int = 0) -> str:
    """Return what an app shows now, or some periods later: RFC 6238 and 4226, written anew."""
    counter = int(time.time()) // PERIOD_SECONDS + periods
    digest = hmac.digest(base64.b32decode(key), counter.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def wrong_code(key: str) -> str:
    """Return a code that the app shows neither now nor just before or after."""
    near = {code(key, periods=periods) for periods in range(-3, 4)}
    return next(text for text in ("000000", "111111", "222222", "333333") if text not in near)
