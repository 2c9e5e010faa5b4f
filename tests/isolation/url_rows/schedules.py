from tests.factories import AgentFactory, ScheduleFactory
from tests.isolation.url_rows.row import EDITORS, READERS, Row, Things
from workspaces.models import Workspace


def _schedule(things: Things) -> dict[str, str]:
    return {
        "agent": str(things["agent"]),
        "name": "Sent by the test",
        "input": "Count the birds.",
        "when": "cron",
        "cron": "30 9 * * *",
        "time_zone": "UTC",
        "overlap": "skip",
    }


ROWS = [
    Row("fleet:schedule-list", READERS, get=200),
    Row("fleet:schedule-create", EDITORS, get=200, post=302, sent=_schedule),
    Row("fleet:schedule-times", EDITORS, get=200),
    Row("fleet:schedule-detail", READERS, get=200, takes="schedule"),
    Row("fleet:schedule-edit", EDITORS, get=200, post=302, takes="schedule", sent=_schedule),
    Row("fleet:schedule-enable", EDITORS, post=302, takes="schedule", unaudited="it is on"),
    Row("fleet:schedule-disable", EDITORS, post=302, takes="schedule"),
    Row("fleet:schedule-delete", EDITORS, get=200, post=302, takes="schedule"),
]


def things(workspace: Workspace) -> Things:
    agent = AgentFactory(workspace=workspace, name=f"{workspace.slug}-heron")
    name = f"{workspace.slug}-mornings"
    return {"schedule": ScheduleFactory(workspace=workspace, agent=agent, name=name).pk}
