from tests.factories import ServiceAccountFactory, TokenFactory
from tests.isolation.url_rows.row import MANAGERS, MEMBERS, Row, Things
from workspaces.models import Workspace

TOKEN = {"name": "Sent by the test", "days": "30", "access": "read"}
ACCOUNT = {"name": "Sent by the test", "role": "viewer"}
ROWS = [
    Row("workspaces:token-list", {*MEMBERS}, get=200),
    Row("workspaces:token-create", {*MEMBERS}, get=200, post=201, sent=TOKEN),
    # Of another member's token: one's own is tried in tests/workspaces/views/test_tokens.py.
    Row("workspaces:token-revoke", {*MEMBERS}, post=302, takes="token", sees=MANAGERS),
    Row("workspaces:service_account-list", MANAGERS, get=200),
    Row("workspaces:service_account-create", MANAGERS, get=200, post=302, sent=ACCOUNT),
    Row("workspaces:service_account-detail", MANAGERS, get=200, takes="service_account"),
    Row(
        "workspaces:service_account-edit",
        MANAGERS,
        get=200,
        post=302,
        takes="service_account",
        sent=ACCOUNT,
    ),
    Row("workspaces:service_account-disable", MANAGERS, post=302, takes="service_account"),
    Row(
        "workspaces:service_account-enable",
        MANAGERS,
        post=302,
        takes="service_account",
        unaudited="It is enabled already.",
    ),
    Row(
        "workspaces:service_account-token",
        MANAGERS,
        get=200,
        post=201,
        takes="service_account",
        sent=TOKEN,
    ),
]


def things(workspace: Workspace) -> Things:
    return {
        "token": TokenFactory(workspace=workspace, name=f"{workspace.slug}-token").pk,
        "service_account": ServiceAccountFactory(
            workspace=workspace, name=f"{workspace.slug}-account"
        ).pk,
    }
