from tests.factories import ProjectFactory
from tests.isolation.url_rows.row import EDITORS, READERS, Row, Things
from workspaces.models import Workspace

NAME = {"name": "Sent by the test"}
ROWS = [
    Row("fleet:project-list", READERS, get=200),
    Row("fleet:project-create", EDITORS, get=200, post=302, sent=NAME),
    Row("fleet:project-detail", READERS, get=200, takes="project"),
    Row("fleet:project-rename", EDITORS, get=200, post=302, takes="project", sent=NAME),
    Row("fleet:project-archive", EDITORS, post=302, takes="project"),
    Row("fleet:project-restore", EDITORS, post=302, takes="project"),
    Row("fleet:project-delete", EDITORS, get=200, post=302, takes="project"),
]


def things(workspace: Workspace) -> Things:
    return {"project": ProjectFactory(workspace=workspace, name=f"{workspace.slug}-kestrel").pk}
