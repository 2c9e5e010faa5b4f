"""What one more workspace costs, with its owner's account, among 10 and among 1,000."""

import itertools
from collections.abc import Callable

from bench.connections import open_connection, through
from bench.server import Server
from bench.timing import Measured, interleaved
from workspaces.models import Workspace
from workspaces.provisioning import provision_workspace

# Nothing that stays: the next one is again the eleventh, or the 1,001st.
FORGET = """
SET session_replication_role = replica;
DELETE FROM workspaces_membership WHERE workspace_id IN
    (SELECT id FROM workspaces_workspace WHERE slug LIKE 'provisioned-%');
DELETE FROM workspaces_workspace WHERE slug LIKE 'provisioned-%';
DELETE FROM account_emailaddress WHERE email LIKE 'provisioned-%';
DELETE FROM accounts_user WHERE email LIKE 'provisioned-%';
"""


def measure(server: Server, databases: dict[str, str], *, rounds: int) -> Measured:
    """Compare provisioning in two filled databases, given as label: name, the small one first.

    The whole call is timed, from the first statement to the commit: more than the database's time.
    """
    superusers = [server.superuser(database) for database in databases.values()]

    def forget() -> None:
        for superuser in superusers:
            superuser.execute(FORGET)

    timings = interleaved(
        {
            f"provisioning, {label}": _provisioner(server, database)
            for label, database in databases.items()
        },
        rounds=rounds,
        between=forget,
    )
    for superuser in superusers:
        superuser.close()
    among_few, among_many = (timing.median for timing in timings.values())
    figures = {"provision_growth": among_many / among_few, "provision_ms": among_many}
    return Measured(figures, timings)


def _provisioner(server: Server, database: str) -> Callable[[], object]:
    connection = open_connection(server.url(database))
    numbers = itertools.count()

    def provision() -> object:
        number = next(numbers)
        workspace = Workspace(name=f"Provisioned {number}", slug=f"provisioned-{number}")
        with through(connection):
            return provision_workspace(workspace, f"provisioned-{number}@bench.test")

    return provision
