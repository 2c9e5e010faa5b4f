from tests.factories import InvitationFactory
from tests.isolation.url_rows.row import MANAGERS, Row, Things
from workspaces.models import Workspace

SENT = {"email": "sent@by-the.test", "role": "auditor"}
ROWS = [
    Row("workspaces:invitation-list", MANAGERS, get=200),
    Row("workspaces:invitation-create", MANAGERS, get=200, post=201, sent=SENT),
    Row("workspaces:invitation-link", MANAGERS, post=201, takes="invitation"),
    Row("workspaces:invitation-send", MANAGERS, post=302, takes="invitation"),
    Row("workspaces:invitation-revoke", MANAGERS, post=302, takes="invitation"),
]


def things(workspace: Workspace) -> Things:
    invited = f"invited@{workspace.slug}.test"
    return {"invitation": InvitationFactory(workspace=workspace, email=invited).pk}
