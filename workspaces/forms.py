from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.names import NamedForm
from accounts.recent import proved_recently
from workspaces.models import Membership, Workspace
from workspaces.requests import MemberRequest


def save_or_refuse(form: forms.ModelForm) -> bool:
    """Save a valid form; return False when a concurrent request won a unique constraint.

    The form then carries the error that its own validation, run again, gives.
    """
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError as error:
        try:
            form.instance.validate_constraints()
        except ValidationError as invalid:
            form.add_error(None, invalid)
            return False
        raise error
    return True


class AppearanceForm(NamedForm, forms.ModelForm):
    """Its workspace is changed by an action: see workspaces/appearance.py."""

    class Meta:
        model = Workspace
        fields = ["name", "colour"]


class OwnershipTransferForm(forms.Form):
    """Whom to hand the workspace to, and the owner's password once more.

    Who has none, signing in by a passkey or single sign-on, must have done so a moment ago.
    """

    new_owner = forms.ModelChoiceField(Membership.objects.none(), empty_label="Choose a member…")
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: MemberRequest, *args: Any) -> None:
        super().__init__(*args)
        self.user = request.user
        self.must_prove = False
        if not self.user.has_usable_password():
            del self.fields["password"]
            self.must_prove = not proved_recently(request)
        field: Any = self.fields["new_owner"]
        field.queryset = (
            Membership.objects.exclude(pk=request.membership.pk)
            .filter(user__is_active=True)
            .select_related("user")
            .order_by("user__email")
        )

    def clean(self) -> dict[str, Any]:
        if self.must_prove:
            raise ValidationError("Confirm first that it is you.")
        cleaned: dict[str, Any] = self.cleaned_data
        return cleaned

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise ValidationError("This is not your password.")
        return str(password)
