from tests.isolation.url_rows.row import MEMBERS, Row, Things
from workspaces.models import Workspace

ROWS = [Row("fleet:palette", set(MEMBERS), get=200)]


def things(workspace: Workspace) -> Things:
    return {}
