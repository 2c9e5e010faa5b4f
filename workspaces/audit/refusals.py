"""What the trail says of a request that was refused in a workspace."""

from collections.abc import Mapping
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
    kind, target_id = target_of(match.kwargs)
    record_denied(
        request.workspace.pk,
        action_of(match.view_name),
        reason=getattr(request, "refusal", "") or "The form did not come from its own page.",
        target_kind=kind,
        target_id=target_id,
    )


def target_of(named: Mapping[str, Any]) -> tuple[str, str]:
    """Return kind and id of the last thing that an address names, "" and "" of none."""
    ids = [name for name in named if name.endswith("_id")]
    return (ids[-1].removesuffix("_id"), str(named[ids[-1]])) if ids else ("", "")


def action_of(view_name: str) -> str:
    """Return the action that a URL's name stands for; a name of one word is the workspace's."""
    noun, _, verb = view_name.rpartition(":")[2].partition("-")
    return f"{noun}.{verb}" if verb else f"workspace.{noun}"
