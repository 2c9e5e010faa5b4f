"""What the trail says of a request that was refused in a workspace."""

from typing import Any

from django.urls import Resolver404, resolve

from workspaces.audit.trail import record_denied


def record_refusal(request: Any) -> None:
    """Record a 403, whose page has been made and whose scope has ended.

    The address names the action: `agent-pause` is "agent.pause". Its last id is the target's, as
    it was asked for: it may be a foreign or absent one, and is not looked up.
    """
    try:
        match = request.resolver_match or resolve(request.path_info)
    except Resolver404:
        return
    kind, target_id = "", ""
    for name, value in match.kwargs.items():
        if name.endswith("_id"):
            kind, target_id = name.removesuffix("_id"), str(value)
    record_denied(
        request.workspace.pk,
        action_of(match.view_name),
        reason=getattr(request, "refusal", "") or "The form did not come from its own page.",
        target_kind=kind,
        target_id=target_id,
    )


def action_of(view_name: str) -> str:
    """Return the action that a URL's name stands for; a name of one word is the workspace's."""
    noun, _, verb = view_name.rpartition(":")[2].partition("-")
    return f"{noun}.{verb}" if verb else f"workspace.{noun}"
