"""Members who give their agents tasks, and what is stored of those."""

from dataclasses import dataclass

import pytest

from agenhood.fleet import queue
from agenhood.fleet.actions import history
from agenhood.fleet.models import Agent, Artifact, Event, Task
from tests.factories import AgentFactory, MembershipFactory
from tests.postgres import superuser
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


@dataclass(frozen=True)
class Crew:
    """A member with one agent, which runs a command."""

    member: Membership
    agent: Agent

    @property
    def scope(self):
        return workspace_scope(self.member.workspace_id, user_id=self.member.user_id)

    def ask(self, command=None, text="Count the birds.", agent=None):
        """Queue a task in a conversation of its own; `command` is the agent's from now on."""
        agent, by = agent or self.agent, self.member.user
        with self.scope:
            if command is not None:
                Agent.objects.filter(pk=agent.pk).update(command=command)
            thread = history.start_conversation(agent=agent, title="Birds", by=by)
            task = history.add_task(thread, text=text, by=by)
            queue.enqueue(task)
        return task

    def agent_more(self, **values):
        return AgentFactory(workspace=self.member.workspace, driver="command", **values)

    def set_agent(self, **values):
        with self.scope:
            Agent.objects.filter(pk=self.agent.pk).update(**values)

    def set_task(self, task, **values):
        with self.scope:
            Task.objects.filter(pk=task.pk).update(**values)

    def set_workspace(self, **values):
        with platform_scope("test"):
            Workspace.objects.filter(pk=self.member.workspace_id).update(**values)

    def task(self, task):
        with self.scope:
            return Task.objects.get(pk=task.pk)

    def state(self, task):
        return self.task(task).state

    def is_over(self, task):
        return self.state(task) not in Task.UNFINISHED

    def events(self, task, *kinds):
        with self.scope:
            found = Event.objects.filter(task=task).order_by("number")
            return list(found.filter(kind__in=kinds) if kinds else found)

    def said(self, task, stream="stdout"):
        outputs = self.events(task, Event.Kind.OUTPUT)
        return "".join(event.text for event in outputs if event.data["stream"] == stream)

    def states(self, task):
        return [event.data["state"] for event in self.events(task, Event.Kind.STATE)]

    def artifacts(self, task):
        with self.scope:
            return {found.path: found for found in Artifact.objects.filter(task=task)}

    def trail(self, action):
        with superuser() as past_everything:
            return past_everything.execute(
                "SELECT outcome, reason, actor_kind FROM workspaces_auditentry"
                " WHERE workspace_id = %s AND action = %s ORDER BY number",
                [self.member.workspace_id, action],
            ).fetchall()


@pytest.fixture
def crew_of(committed_db):
    def crew_of(**agent):
        member = MembershipFactory(role=Role.OPERATOR)
        made = {"driver": "command", "command": "true"} | agent
        return Crew(member, AgentFactory(workspace=member.workspace, **made))

    return crew_of


@pytest.fixture
def crew(crew_of):
    return crew_of()
