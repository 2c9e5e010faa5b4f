from tests.isolation.url_rows.row import MANAGERS, Row, Things
from tests.second_factors import give_app
from workspaces.models import Membership, Workspace
from workspaces.scope import workspace_scope

ROWS = [
    Row(
        "workspaces:settings-general",
        MANAGERS,
        get=200,
        post=302,
        sent={"name": "Sent by the test", "colour": "teal"},
    ),
    Row("workspaces:settings-second-factor", MANAGERS, get=200, post=302, sent={"required": "yes"}),
]


def things(workspace: Workspace) -> Things:
    """Nothing is named; but whoever requires a second factor must have one."""
    with workspace_scope(workspace.pk):
        managers = [
            member.user
            for member in Membership.objects.filter(role__in=MANAGERS).select_related("user")
        ]
    for person in managers:
        give_app(person)
    return {}
