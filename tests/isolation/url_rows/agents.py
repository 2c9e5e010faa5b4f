from typing import Any

from agenhood.fleet import configuration
from agenhood.fleet.configuration import LIMITS
from tests.factories import AgentFactory, AgentRevisionFactory, AgentTemplateFactory
from tests.isolation.url_rows.row import EDITORS, READERS, Row, Things
from workspaces.models import Workspace
from workspaces.scope import workspace_scope

NAME = {"name": "Sent by the test"}
AT = ("agent",)
AGENT = {
    "name": "Sent by the test",
    "driver": "command",
    "command": "true",
    "revision": "2",
    **dict.fromkeys(LIMITS, "100"),
    "max_tokens": "1000",
    "max_attempts": "2",
}


def _agent(things: Things) -> dict[str, Any]:
    return AGENT | {"project": str(things["project"])}


def _ticked(things: Things) -> dict[str, Any]:
    return {"action": "pause", "agent": str(things["agent"])}


ROWS = [
    Row("fleet:agent-list", READERS, get=200),
    Row("fleet:agent-bulk", EDITORS, post=302, sent=_ticked),
    Row("fleet:agent-create", EDITORS, get=200, post=302, sent=_agent),
    Row("fleet:agent-detail", READERS, get=200, takes=AT),
    Row("fleet:agent-configuration", READERS, get=200, takes=AT),
    Row("fleet:agent-edit", EDITORS, get=200, post=302, takes=AT, sent=_agent),
    Row("fleet:agent-pause", EDITORS, post=302, takes=AT),
    Row("fleet:agent-resume", EDITORS, post=302, takes=AT, unaudited="it runs already"),
    Row("fleet:agent-archive", EDITORS, post=302, takes=AT),
    Row("fleet:agent-restore", EDITORS, post=302, takes=AT, unaudited="it is not archived"),
    Row("fleet:agent-revision-list", READERS, get=200, takes=AT),
    Row("fleet:agent-revision-diff", READERS, get=200, takes=AT),
    Row("fleet:agent-revision-detail", READERS, get=200, takes=AT, args=(1,)),
    Row("fleet:agent-revision-restore", EDITORS, post=302, takes=AT, args=(1,)),
    Row("fleet:agent-template-create", EDITORS, get=200, post=302, takes=AT, sent=NAME),
    Row("fleet:agent-template-list", READERS, get=200),
    Row("fleet:agent-template-detail", READERS, get=200, takes="template"),
    Row("fleet:agent-template-rename", EDITORS, get=200, post=302, takes="template", sent=NAME),
    Row("fleet:agent-template-delete", EDITORS, get=200, post=302, takes="template"),
]


def things(workspace: Workspace) -> Things:
    """An agent that was renamed: its first revision differs from what it is now."""
    agent = AgentFactory(
        workspace=workspace,
        name=f"{workspace.slug}-merlin",
        driver="command",
        command="false",
        revision=2,
    )
    with workspace_scope(workspace.pk):
        now = configuration.of_agent(agent)
    before = now | {"name": f"{workspace.slug}-marlin", "driver": "command", "command": "true"}
    AgentRevisionFactory(workspace=workspace, agent=agent, number=1, configuration=before)
    AgentRevisionFactory(workspace=workspace, agent=agent, number=2, configuration=now)
    template = AgentTemplateFactory(
        workspace=workspace, name=f"{workspace.slug}-template", configuration=now
    )
    return {"agent": agent.pk, "template": template.pk}
