from tests.factories import ApprovalFactory, TaskFactory
from tests.isolation.url_rows.row import EDITORS, Row, Things
from workspaces.models import Workspace

TEXT = {"text": "Sent by the test"}
ENDED = "it has ended"
ROWS = [
    Row("fleet:task-create", EDITORS, get=200, post=302, takes="agent", sent=TEXT),
    Row("fleet:task-retry", EDITORS, get=200, post=302, takes="task", sent=TEXT),
    Row("fleet:task-cancel", EDITORS, post=302, takes="task", unaudited=ENDED),
    Row("fleet:task-stop", EDITORS, post=302, takes="task", unaudited=ENDED),
    Row(
        "fleet:approval-decide",
        EDITORS,
        get=200,
        post=302,
        takes="approval",
        sent={"decision": "allow"},
    ),
]


def things(workspace: Workspace) -> Things:
    task = TaskFactory(workspace=workspace, state="waiting")
    arguments = {"command": f"echo {workspace.slug}"}
    return {"approval": ApprovalFactory(workspace=workspace, task=task, arguments=arguments).pk}
