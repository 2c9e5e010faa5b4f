"""Which addresses were proven to be their account's person's, in the admin site.

Without mail, whoever holds the copied link of an invitation makes an account with its address.
Staff see which accounts those are before they add one to a workspace, and may vouch for it.
"""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from accounts.models import User
from workspaces.audit import record
from workspaces.models import Membership


class AddressProof(admin.ModelAdmin):
    """A column of the list of people, and an action that staff vouch with for an address."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        proven = EmailAddress.objects.filter(user=OuterRef("pk"), primary=True, verified=True)
        people: QuerySet[Any] = super().get_queryset(request)
        return people.annotate(address_is_proven=Exists(proven))

    @admin.display(description="Address proven", boolean=True, ordering="address_is_proven")
    def address_proven(self, person: User) -> bool:
        return bool(person.address_is_proven)  # type: ignore[attr-defined]

    @admin.action(description="Say that the address is the person's own")
    def confirm_address(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        person = queryset.first() if queryset.count() == 1 else None
        if person is None or person.address_is_proven:  # type: ignore[attr-defined]
            message = "Choose one person whose address is not proven."
            self.message_user(request, message, messages.ERROR)
            return
        EmailAddress.objects.filter(user=person, email=person.email).update(verified=True)
        self.log_change(request, person, "Confirmed the address.")
        for membership in Membership.objects.filter(user=person).select_related("user"):
            record("member.confirm_address", membership)
        self.message_user(request, f"{person.email} counts as proven from now on.")
