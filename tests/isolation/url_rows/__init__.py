"""The table of addresses under /w/<slug>/, a module for each subject.

Each module has `ROWS`, and `things(workspace)`, which makes what its addresses name.
"""

from tests.isolation.url_rows import (
    agent_files,
    agents,
    artifacts,
    audit,
    credentials,
    exports,
    history,
    invitations,
    palette,
    prices,
    projects,
    prompts,
    schedules,
    settings,
    tasks,
    tokens,
    workspaces,
)
from tests.isolation.url_rows.row import Row, Things
from workspaces.models import Workspace

SUBJECTS = [
    workspaces,
    audit,
    projects,
    agents,
    credentials,
    settings,
    history,
    exports,
    artifacts,
    prompts,
    invitations,
    tokens,
    palette,
    tasks,
    agent_files,
    schedules,
    prices,
]
ROWS: list[Row] = [row for subject in SUBJECTS for row in subject.ROWS]


def things(workspace: Workspace) -> Things:
    return {kind: pk for subject in SUBJECTS for kind, pk in subject.things(workspace).items()}
