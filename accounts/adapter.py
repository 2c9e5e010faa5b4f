"""Where allauth asks this project: accounts are provisioned, so there is no sign-up."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """What the mail tells of has been done: a mail server that is down does not change that."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError:
            logger.exception("a notification could not be mailed")
