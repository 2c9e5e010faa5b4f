"""The audit trail: who did what in a workspace, and who was refused.

    record("project.archive", project, changes={"archived": (False, True)})

inside a scope writes one row in the same transaction. Who acts is taken from the context, which the
middleware sets for people and `acting()` for everybody else. See docs/audit.md.
"""

from workspaces.audit.actor import Actor, acting, current_actor
from workspaces.audit.trail import record, record_denied

__all__ = ["Actor", "acting", "current_actor", "record", "record_denied"]
