"""What encryption costs a credential: sealing it, and opening it again for a task.

Each asks the database for the workspace's key, unwraps that by the master key and derives from it,
as every use does: no key is kept between two uses. The scope is open already.
"""

from bench.connections import open_connection, through
from bench.server import Server
from bench.timing import Measured, interleaved
from workspaces.models import Workspace, WorkspaceOwned
from workspaces.provisioning import provision_workspace
from workspaces.scope import workspace_scope
from workspaces.secrets import open_sealed, seal
from workspaces.secrets.models import WorkspaceKey

DATABASE = "bench_credentials"
SECRET = b"sk-ant-api03-" + b"k" * 95  # as long as a provider's key
SEALING, OPENING = "sealing a credential", "opening a credential"


def measure(server: Server, *, rounds: int) -> Measured:
    server.make_database(DATABASE)
    with through(open_connection(server.url(DATABASE))):
        workspace = Workspace(name="Measured", slug="measured")
        provision_workspace(workspace, "owner@bench.test")
        with workspace_scope(workspace.pk):
            row: WorkspaceOwned = WorkspaceKey()  # any row will do: what is sealed is not stored
            sealed = seal(row, "field", SECRET)
            assert open_sealed(row, "field", sealed) == SECRET
            timings = interleaved(
                {
                    SEALING: lambda: seal(row, "field", SECRET),
                    OPENING: lambda: open_sealed(row, "field", sealed),
                },
                rounds=rounds,
            )
    figures = {
        "credential_seal_ms": timings[SEALING].median,
        "credential_open_ms": timings[OPENING].median,
    }
    return Measured(figures, timings)
