from tests.factories import CredentialVersionFactory
from tests.isolation.url_rows.row import MANAGERS, Row, Things
from workspaces.models import Workspace

KNOWERS = {"owner", "admin", "operator", "auditor"}
ROWS = [
    Row("fleet:credential-list", KNOWERS, get=200),
    Row(
        "fleet:credential-create",
        MANAGERS,
        get=200,
        post=302,
        sent={"kind": "token", "name": "Sent by the test", "token": "sent-by-the-test-0123456789"},
    ),
    Row("fleet:credential-detail", KNOWERS, get=200, takes="credential"),
    Row(
        "fleet:credential-edit",
        MANAGERS,
        get=200,
        post=302,
        takes="credential",
        sent={"name": "Sent by the test", "seen": "1"},
    ),
    Row(
        "fleet:credential-rotate",
        MANAGERS,
        get=200,
        post=302,
        takes="credential",
        sent={"token": "another-by-the-test-0123456789", "seen": "1"},
    ),
    Row("fleet:credential-revoke", MANAGERS, get=200, post=302, takes="credential"),
    Row("fleet:credential-delete", MANAGERS, get=200, post=302, takes="credential"),
]


def things(workspace: Workspace) -> Things:
    version = CredentialVersionFactory(
        workspace=workspace, credential__name=f"{workspace.slug}-merlin"
    )
    return {"credential": version.credential_id}
