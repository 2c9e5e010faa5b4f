from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.names import NamedForm
from workspaces.models import Membership
from workspaces.roles import Role


class InvitationForm(forms.Form):
    """Whom to invite, and in which role below one's own."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        help_text="Only somebody with this address can accept.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField()

    def __init__(self, by: Membership, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [(r.value, r.label) for r in Role(by.role).assignable()]
        role.initial = Role.VIEWER.value

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        # An address with a character that nobody sees would read as somebody else's.
        if not email.isprintable():
            raise ValidationError("An address has no invisible characters.")
        return email


class NewcomerForm(NamedForm, forms.Form):
    """The name and password of somebody whose address has no account yet."""

    name = forms.CharField(
        label="Your name", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        strip=False,
        help_text="At least 10 characters, and none that is easily guessed.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The same once more",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        password = cleaned.get("password")
        if password and "again" in cleaned and cleaned["again"] != password:
            self.add_error("again", ValidationError("The two passwords are not the same."))
        elif password:
            somebody = User(email=self.email, name=cleaned.get("name", ""))
            try:
                password_validation.validate_password(password, somebody)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned
