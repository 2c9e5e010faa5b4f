import zoneinfo
from functools import cache

from django import forms

from accounts.models import User
from accounts.names import NamedForm


@cache
def time_zones() -> list[tuple[str, str]]:
    """Return the choices of a time zone, as (name, name): places, and UTC."""
    names = (name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
    return [(name, name.replace("_", " ")) for name in sorted(names) if name[:3] != "Etc"]


class ProfileForm(NamedForm, forms.ModelForm):
    time_zone = forms.ChoiceField(choices=time_zones)

    class Meta:
        model = User
        fields = ["name", "time_zone", "theme"]
