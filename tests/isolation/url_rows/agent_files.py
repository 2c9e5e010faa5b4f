from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from agenhood.fleet import agent_files
from agenhood.fleet.models import Agent
from tests.isolation.url_rows.row import EDITORS, READERS, Row, Things
from workspaces.models import Workspace
from workspaces.scope import workspace_scope


def _file(things: Things) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("sent.txt", b"by the test")}


ROWS = [
    Row("fleet:agent-files", READERS, get=200, takes="agent"),
    Row("fleet:agent-files-download", READERS, get=200, takes="agent"),
    Row("fleet:agent-files-upload", EDITORS, post=302, takes="agent", sent=_file),
    Row("fleet:agent-files-delete", EDITORS, get=200, post=302, takes="agent"),
]


def things(workspace: Workspace) -> Things:
    """A file in the directory of the agent that the other rows name."""
    with workspace_scope(workspace.pk):
        agent = Agent.objects.get(name=f"{workspace.slug}-merlin")
    agent_files.store(agent, f"{workspace.slug}-kestrel.txt", [b"seen from here alone"])
    return {}
