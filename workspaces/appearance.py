"""How a workspace is called and which colour it has. Its slug stays: addresses that people kept
would break."""

from workspaces.audit import record
from workspaces.models import Workspace


def change_appearance(workspace: Workspace, *, name: str, colour: str) -> None:
    """Give the active workspace another name or colour; both have been validated."""
    row = Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    wanted = {"name": name, "colour": colour}
    changes = {
        field: (getattr(row, field), value)
        for field, value in wanted.items()
        if getattr(row, field) != value
    }
    for field, value in wanted.items():
        setattr(row, field, value)
        setattr(workspace, field, value)
    if changes:
        row.save(update_fields=list(changes))
        record("workspace.change", row, changes=changes)
