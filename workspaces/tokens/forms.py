"""Forms for tokens and service accounts, from plain data."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.names import NamedForm
from workspaces.roles import Role
from workspaces.tokens.actions import DEFAULT_DAYS, MOST_DAYS, assignable_to_accounts
from workspaces.tokens.models import ServiceAccount
from workspaces.tokens.scopes import grantable, grouped, read_only

DAYS = [7, 30, DEFAULT_DAYS, 180, MOST_DAYS]
FOREVER = "never"


class TokenForm(NamedForm, forms.Form):
    """What a token of somebody with `role` may, and how long it lives."""

    ACCESS = [
        ("read", "Read only: see what the role sees, change nothing"),
        ("all", "Everything that the role may do today"),
        ("chosen", "Only what is chosen below"),
    ]

    name = forms.CharField(
        max_length=60,
        help_text="What uses it, and where: it is how you will know it again.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.ChoiceField(label="Expires", initial=str(DEFAULT_DAYS))
    access = forms.ChoiceField(
        label="May do", choices=ACCESS, initial="read", widget=forms.RadioSelect
    )
    scopes = forms.MultipleChoiceField(
        label="Permissions", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self, role: Role, *args: Any, may_live_forever: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.role = role
        days: list[tuple[str, str]] = [(str(d), f"in {d} days") for d in DAYS]
        if may_live_forever:
            days.append((FOREVER, "never"))
        fields: dict[str, Any] = self.fields
        fields["days"].choices = days
        fields["scopes"].choices = [(name, name) for name in grantable(role)]

    @property
    def groups(self) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """The permissions as (noun, [(name, verb, is chosen)])."""
        chosen = set(self["scopes"].value() or [])
        return [
            (noun, [(name, verb, name in chosen) for name, verb in verbs])
            for noun, verbs in grouped(grantable(self.role))
        ]

    def clean_days(self) -> int | None:
        days = self.cleaned_data["days"]
        return None if days == FOREVER else int(days)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = self.cleaned_data
        if cleaned.get("access") == "read":
            cleaned["scopes"] = read_only(self.role)
        elif cleaned.get("access") == "all":
            cleaned["scopes"] = grantable(self.role)
        elif cleaned.get("access") == "chosen" and "scopes" in cleaned and not cleaned["scopes"]:
            self.add_error("scopes", ValidationError("Choose at least one permission."))
        return cleaned


class ServiceAccountForm(NamedForm, forms.ModelForm):
    class Meta:
        model = ServiceAccount
        fields = ["name", "role"]
        widgets: dict[str, Any] = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def __init__(self, given_by: Role, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [(r.value, r.label) for r in assignable_to_accounts(given_by)]
