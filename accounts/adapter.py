"""Where allauth asks this project: accounts are provisioned, so there is no sign-up."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.http import HttpRequest

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a try as failed until it succeeds. Raises ValidationError when there were many."""
        super().pre_authenticate(request, **credentials)
        anywhere = ratelimit.consume(
            request,
            app="allauth.account",
            action="login_failed_anywhere",
            key=super()._get_login_attempts_cache_key(request, **credentials),
        )
        if not anywhere:
            raise self.validation_error("too_many_login_attempts")
        self._login_failed_rl_usage.usage += anywhere.usage  # a success takes back both

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Return an account at an address: who fails elsewhere does not lock its person out."""
        account = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{account}:{ratelimit.get_ip(request)}"

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """What the mail tells of has been done: a mail server that is down does not change that."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError:
            logger.exception("a notification could not be mailed")
