import io

from agenhood.fleet.actions import artifact
from tests.factories import TaskFactory
from tests.isolation.url_rows.row import MANAGERS, READERS, Row, Things
from workspaces.models import Workspace
from workspaces.scope import workspace_scope

PIXEL = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
ROWS = [
    Row("fleet:artifact-list", READERS, get=200),
    Row("fleet:artifact-detail", READERS, get=200, takes="artifact"),
    Row("fleet:artifact-image", READERS, get=200, takes="artifact"),
    Row("fleet:artifact-download", READERS, get=200, takes="artifact"),
    Row("fleet:artifact-zip", READERS, get=200, takes="task"),
    Row("fleet:artifact-delete", MANAGERS, get=200, post=302, takes="artifact"),
]


def things(workspace: Workspace) -> Things:
    task = TaskFactory(workspace=workspace)
    with workspace_scope(workspace.pk):
        kept = artifact.store(task, f"{workspace.slug}-kestrel.gif", io.BytesIO(PIXEL))
    return {"artifact": kept.pk}
