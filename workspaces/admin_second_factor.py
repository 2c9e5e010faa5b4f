"""Platform staff reset how a person signs in, when they have lost what they sign in with.

What is removed they never see, and the password stays: staff get into nobody's account by this.
"""

import logging
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.models import User
from workspaces.audit import record
from workspaces.models import Membership

logger = logging.getLogger(__name__)


class SecondFactorReset(admin.ModelAdmin):
    """An action of the list of people, which asks before it removes anything."""

    @admin.action(description="Reset second factor and single sign-on")
    def reset_second_factor(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        people = list(queryset.order_by("email"))
        if any(person.pk == request.user.pk for person in people):
            # A session left open must not take its own protection away.
            message = "Your own second factor you change on your account page."
            self.message_user(request, message, messages.ERROR)
            return None
        if request.POST.get("confirmed"):
            for person in people:
                self._reset(request, person)
            self.message_user(request, f"Reset for {', '.join(str(p.email) for p in people)}.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Reset second factor and single sign-on",
            "people": people,
            "action_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/reset_second_factor.html", context)

    def _reset(self, request: HttpRequest, person: User) -> None:
        # Django's own delete() would first ask what hangs on the rows, of tables out of reach here.
        for model in (Authenticator, SocialAccount):
            rows: Any = model.objects.filter(user=person)
            rows._raw_delete(rows.db)
        self.log_change(request, person, "Reset second factor and single sign-on.")
        for membership in Membership.objects.filter(user=person).select_related("user"):
            record("member.reset_second_factor", membership)
        try:
            get_adapter(request).send_mail(
                "account/email/second_factor_reset", person.email, {"user": person}
            )
        except OSError:
            logger.exception("a notification could not be mailed")
            message = f"{person.email} could not be mailed: tell them yourself."
            self.message_user(request, message, messages.WARNING)
