"""What the session remembers of workspaces: the active one, and those visited before it.

Only ids, and only for convenience: `/` and the picker ask the database who may still go there.
"""

from django.contrib.sessions.backends.base import SessionBase

from workspaces.models import Workspace

ACTIVE = "active_workspace"
RECENT = "recent_workspaces"
REMEMBERED = 5


def remember(session: SessionBase, workspace: Workspace) -> None:
    """Store the workspace as the active one. Writes the session only when it was another one."""
    visited = str(workspace.pk)
    if session.get(ACTIVE) == visited:
        return
    before = [key for key in session.get(RECENT, []) if key != visited]
    session[ACTIVE] = visited
    session[RECENT] = [visited, *before][:REMEMBERED]


def active_id(session: SessionBase) -> str:
    return str(session.get(ACTIVE, ""))


def recent_ids(session: SessionBase) -> list[str]:
    return list(session.get(RECENT, []))
