from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

import tests.exports  # noqa: F401 - registers the kind
from tests.factories import ExportFactory
from tests.isolation.url_rows.row import MANAGERS, Row, Things
from workspaces import files
from workspaces.exports.models import Export
from workspaces.models import Workspace
from workspaces.scope import workspace_scope

ASKERS = {"owner", "admin", "operator", "auditor"}
ROWS = [
    Row("workspaces:export-list", ASKERS, get=200),
    # Somebody else's; one's own are in tests/workspaces/views/test_exports.py.
    Row("workspaces:export-download", ASKERS, get=200, takes="export", sees=MANAGERS),
]


def things(workspace: Workspace) -> Things:
    export = ExportFactory(workspace=workspace)
    with workspace_scope(workspace.pk):
        key = files.key_of(export.pk, 1)
        files.save("exports", key, ContentFile(f"{workspace.slug}-kestrel".encode()))
        Export.objects.filter(pk=export.pk).update(
            state=Export.State.READY,
            file=key,
            expires_at=timezone.now() + timedelta(hours=1),
        )
    return {"export": export.pk}
