"""What every page of the console needs beside its own subject."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from workspaces import sections


def console(request: HttpRequest) -> dict[str, Any]:
    """Return the current section's key and the side navigation, empty outside a workspace."""
    match = request.resolver_match
    current = sections.key_of(match.view_name) if match else ""
    membership = getattr(request, "membership", None)
    if membership is None:
        return {"section": current, "navigation": []}
    slug = membership.workspace.slug
    navigation = [
        {
            "label": section.label,
            "icon": section.icon,
            "url": reverse(section.url_name, args=[slug]),
            "current": section.key == current,
        }
        for section in sections.of_member(membership)
    ]
    return {"section": current, "navigation": navigation}
