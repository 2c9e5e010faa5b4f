from typing import Any

from django import forms

from accounts.names import NamedForm
from agenhood.fleet.models import Project


class ProjectForm(NamedForm, forms.ModelForm):
    class Meta:
        model = Project
        fields = ["name"]
        widgets: dict[str, Any] = {"name": forms.TextInput(attrs={"autocomplete": "off"})}
