from tests.factories import MembershipFactory, UserFactory
from tests.isolation.url_rows.row import MANAGERS, MEMBERS, READERS, Row, Things
from workspaces.models import Workspace

ROWS = [
    Row("workspaces:home", {*MEMBERS}, get=200),
    Row("workspaces:member-list", READERS, get=200),
    Row("workspaces:member-role", MANAGERS, post=302, takes="membership", sent={"role": "auditor"}),
    Row("workspaces:member-remove", MANAGERS, get=200, post=302, takes="membership"),
    Row("workspaces:leave", {*MEMBERS}, get=200, post=302),
    Row(
        "workspaces:ownership-transfer",
        {"owner"},
        get=200,
        post=302,
        sent=lambda things: {
            "new_owner": str(things["membership"]),
            "password": "correct horse battery",
        },
    ),
]


def things(workspace: Workspace) -> Things:
    person = UserFactory(email=f"member@{workspace.slug}.test")
    return {"membership": MembershipFactory(workspace=workspace, user=person).pk}
