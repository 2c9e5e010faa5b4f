"""What the audit trail says of an operation that was refused."""

import re
from typing import Any

from workspaces.audit import record_denied
from workspaces.audit.refusals import target_of

VERB_AND_NOUN = re.compile(r"(?P<verb>[a-z]+)_(?P<noun>[a-z_]+)")


def record_refused_operation(request: Any) -> None:
    """Record a 403, whose scope has ended. As in pages, the target is what the address names."""
    kind, target_id = target_of(request.resolver_match.kwargs)
    record_denied(
        request.holder.workspace.pk,
        _action(request.operation),
        reason=request.refusal,
        target_kind=kind,
        target_id=target_id,
    )


def _action(operation: str) -> str:
    """Return "agent.pause" for the operation `pause_agent`, "agent.list" for `list_agents`."""
    found = VERB_AND_NOUN.fullmatch(operation)
    if found is None:
        raise ValueError(f"an operation is named by a verb and a noun, not {operation}")
    noun = found["noun"].removesuffix("s") if found["verb"] == "list" else found["noun"]
    return f"{noun}.{found['verb']}"
