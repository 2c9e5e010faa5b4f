"""The admin site's forms: what platform staff provision."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.utils import timezone

from accounts.models import User
from accounts.names import NamedForm
from workspaces.models import Workspace
from workspaces.roles import Role

# What a workspace's tasks may take, in the order in which people read it.
TASK_LIMITS = [
    "max_running_tasks",
    "max_queued_tasks",
    "max_tokens_per_day",
    "max_tokens_per_month",
    "max_cents_per_day",
    "max_cents_per_month",
]


class ProvisionForm(NamedForm, forms.ModelForm):
    """A new workspace with its owner, in one step."""

    owner_email = forms.EmailField(
        label="Owner's email",
        max_length=User._meta.get_field("email").max_length,
        help_text="The account is made if there is none with this email.",
    )

    class Meta:
        model = Workspace
        fields = ["name", "slug", "colour"]

    def clean_owner_email(self) -> str:
        email = str(self.cleaned_data["owner_email"]).lower()
        if User.objects.filter(email=email, is_active=False).exists():
            raise ValidationError("This account is deactivated.")
        return email


class WorkspaceForm(NamedForm, forms.ModelForm):
    suspended = forms.BooleanField(
        required=False,
        help_text="From the next request on, members can read and nobody can change anything.",
    )

    class Meta:
        model = Workspace
        fields = ["name", "colour", "suspended", "suspension_reason", *TASK_LIMITS]
        help_texts: dict[str, Any] = {
            "max_running_tasks": "More wait in the queue.",
            "max_queued_tasks": "More are refused.",
            **dict.fromkeys(TASK_LIMITS[2:], "At the limit no task begins. Empty: no limit."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["suspended"].initial = self.instance.is_suspended

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data["suspended"] != self.instance.is_suspended:
            self.instance.suspended_at = timezone.now() if self.cleaned_data["suspended"] else None
        if not self.cleaned_data["suspended"]:
            self.instance.suspension_reason = ""
        return super().save(commit)


class MembersFormSet(BaseInlineFormSet):
    """Says before the database does that a workspace always has an owner."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        """Name each field as people do, and for those who do not see the column's heading."""
        super().add_fields(form, index)
        if "user" in form.fields:
            form.fields["user"].label = "person"
        for name, label in {"user": "Person", "role": "Role", "DELETE": "Remove"}.items():
            if name in form.fields:
                form.fields[name].widget.attrs["aria-label"] = label

    def save(self, commit: bool = True) -> Any:
        """Save new owners before the one who was: the database asks after each row for an owner."""
        if not commit:
            return super().save(commit)
        staying = set(self.get_queryset()) - {form.instance for form in self.deleted_forms}
        for form in self.initial_forms:
            if form.instance in staying and form.instance.role == Role.OWNER:
                form.save()
        new = self.save_new_objects(commit)
        return self.save_existing_objects(commit) + new

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]
        if not any(row["role"] == Role.OWNER and row["user"].is_active for row in kept):
            raise ValidationError("A workspace always has an owner with an active account.")


class PersonAddForm(NamedForm, forms.ModelForm):
    class Meta:
        model = User
        fields = ["email", "name"]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()
