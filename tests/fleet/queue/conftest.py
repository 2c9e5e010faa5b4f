"""Workspaces whose members give their agents tasks."""

from dataclasses import dataclass

import pytest

from agenhood.fleet import queue
from agenhood.fleet.actions import history
from agenhood.fleet.models import Agent, Task
from tests.factories import AgentFactory, MembershipFactory
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


@dataclass(frozen=True)
class Crew:
    """A member with agents that run commands."""

    member: Membership
    agents: list[Agent]

    @property
    def scope(self):
        return workspace_scope(self.member.workspace_id, user_id=self.member.user_id)

    def ask(self, agent=0, text="Count the birds."):
        """Queue a task for an agent, in a conversation of its own."""
        by = self.member.user
        with self.scope:
            agent = self.agents[agent]
            thread = history.start_conversation(agent=agent, title="Birds", by=by)
            task = history.add_task(thread, text=text, by=by)
            queue.enqueue(task)
        return task

    def claim(self, task, worker="test"):
        """Begin a task as its job would."""
        task = self.task(task)
        with self.scope:
            return queue.claim(task.pk, job=task.job, worker=worker)

    def finish(self, task, state=Task.State.SUCCEEDED, **values):
        with self.scope:
            history.finish_task(task, state=state, **values)
            queue.wake()

    def task(self, task):
        with self.scope:
            return Task.objects.select_related("agent").get(pk=task.pk)

    def limit(self, **limits):
        with platform_scope("test"):
            Workspace.objects.filter(pk=self.member.workspace_id).update(**limits)


@pytest.fixture
def crew_of():
    def crew_of(agents=1, **limits):
        member = MembershipFactory(role=Role.OPERATOR)
        made = [
            AgentFactory(workspace=member.workspace, driver="command", command="true")
            for _ in range(agents)
        ]
        crew = Crew(member, made)
        if limits:
            crew.limit(**limits)
        return crew

    return crew_of
