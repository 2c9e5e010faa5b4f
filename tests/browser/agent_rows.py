"""A workspace with agents in every state, for tests in a browser."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agenhood.fleet import configuration
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import Agent, Credential, Task
from tests.factories import (
    AgentFactory,
    AgentRevisionFactory,
    AgentSecretFactory,
    AgentTemplateFactory,
    ConversationFactory,
    CredentialFactory,
    CredentialGrantFactory,
    ProjectFactory,
    PromptFactory,
    PromptLabelFactory,
    PromptVersionFactory,
    TaskFactory,
)
from workspaces.models import Membership
from workspaces.scope import workspace_scope


def fleet(member: Membership) -> Agent:
    """Fill the member's workspace; return the agent that has most to show."""
    workspace = member.workspace
    of: dict[str, Any] = {"workspace": workspace, "created_by": member.user}
    project = ProjectFactory(workspace=workspace, name="Night watch")
    provider = CredentialFactory(**of, name="Claude key", kind=Credential.Kind.ANTHROPIC)
    token = CredentialFactory(**of, name="Forge bot", expires_at=timezone.now() + timedelta(days=3))
    prompt = PromptFactory(**of, name="Triage")
    version = PromptVersionFactory(**of, prompt=prompt)
    label = PromptLabelFactory(workspace=workspace, version=version)
    owl = AgentFactory(
        **of,
        name="Owl",
        project=project,
        description="Reads the log of the night and says what matters",
        model="claude-sonnet-4-5",
        provider_credential=provider,
        prompt=prompt,
        prompt_label=label,
        tools=[{"name": "run_shell", "ask_first": True}, {"name": "read_file", "ask_first": False}],
        network_allowed=True,
        network_hosts=["api.example.com", "logs.example.org"],
        environment={"LANG": "C.UTF-8", "REGION": "eu-west-1"},
        revision=2,
    )
    CredentialGrantFactory(workspace=workspace, agent=owl, credential=token, variable="FORGE_TOKEN")
    AgentSecretFactory(
        workspace=workspace, agent=owl, variable="PAGER_KEY", last_four="9f3a", set_in=1
    )
    with workspace_scope(workspace.pk):
        now = configuration.of_agent(owl)
    before = now | {"model": "claude-haiku-4-5", "tools": [], "wall_seconds": 60}
    AgentRevisionFactory(**of, agent=owl, number=1, configuration=before)
    AgentRevisionFactory(
        **of, agent=owl, number=2, configuration=now, note="A better model for long nights"
    )
    AgentTemplateFactory(**of, name="Night reader", configuration=now)
    for name, fields in {
        "Kestrel": {"driver": "command", "command": "make report", "state": "paused"},
        "Merlin": {"state": "error", "state_reason": "The model's credential was refused"},
        "Bittern": {"state": "archived"},
    }.items():
        other = AgentFactory(**of, name=name, project=project, **fields)
        with workspace_scope(workspace.pk):
            document = configuration.of_agent(other)
        AgentRevisionFactory(**of, agent=other, number=1, configuration=document)
    conversation = ConversationFactory(**of, agent=owl, title="What happened last night?")
    tasks(of, conversation)
    return owl


def tasks(of: dict[str, Any], conversation: Any) -> None:
    number = 0
    for days, states in {
        20: ["succeeded"] * 4,
        9: ["succeeded", "failed"],
        5: ["succeeded"] * 7,
        2: ["succeeded"] * 3 + ["timed_out"],
        0: ["succeeded", "failed", "running", "queued"],
    }.items():
        for state in states:
            number += 1
            at = timezone.now() - timedelta(days=days, minutes=60 - number)
            task_at(
                at,
                **of,
                conversation=conversation,
                number=number,
                agent_revision=2,
                state=state,
                state_reason="The model gave up" if state == "failed" else "",
                started_at=None if state == "queued" else at,
                finished_at=None if state in ("running", "queued") else at,
                cost_micros=230_000 * number,
                input_tokens=9_000,
                output_tokens=3_400,
            )


def task_at(moment: datetime, **fields: Any) -> Task:
    """Make a task as it would have been made at `moment`: its id begins with the time."""
    taken = first_id_at(moment).int + fields.get("number", 1)
    task: Task = TaskFactory(
        id=first_id_at(moment).__class__(int=taken), created_at=moment, **fields
    )
    return task
