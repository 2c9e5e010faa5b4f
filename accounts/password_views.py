"""The forgotten password, in an installation that may send no mail."""

from typing import Any

from allauth.account.views import PasswordResetView
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.mail import mail_is_set_up


class ForgottenPasswordView(PasswordResetView):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Promise no mail that nobody sends, whatever the address."""
        if mail_is_set_up():
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
            return answer
        context = {"contact": settings.CONTACT_EMAIL}
        return render(request, "account/password_reset_not_mailed.html", context)
