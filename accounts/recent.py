"""Whether a person has just proven who they are, by whatever they sign in with."""

import time

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records

from accounts.requests import SignedInRequest


def proved_recently(request: SignedInRequest) -> bool:
    """Return whether the person has signed in, or confirmed who they are, within five minutes."""
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    records = get_authentication_records(request, request.user)
    return any(record.get("at", 0) > since for record in records)
