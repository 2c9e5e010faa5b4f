from tests.isolation.url_rows.row import Row, Things
from workspaces.models import Workspace

AUDITORS = {"owner", "admin", "auditor"}
ROWS = [
    Row("workspaces:audit-list", AUDITORS, get=200),
    Row("workspaces:audit-export", AUDITORS, post=302, sent={"query": "", "format": "csv"}),
]


def things(workspace: Workspace) -> Things:
    return {}
