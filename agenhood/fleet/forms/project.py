from typing import Any

from django import forms

from agenhood.fleet.models import Project


class ProjectForm(forms.ModelForm):
    class Meta:
        model = Project
        fields = ["name"]
        widgets: dict[str, Any] = {"name": forms.TextInput(attrs={"autocomplete": "off"})}
