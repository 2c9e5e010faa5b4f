"""An operator with an agent that works, beside another workspace."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agenhood.fleet.actions import task as actions
from agenhood.fleet.models import Agent, Task
from tests.factories import AgentFactory, ApprovalFactory, MembershipFactory
from workspaces.audit.models import AuditEntry
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import workspace_scope

COMMAND = {"driver": "command", "command": "true"}


@dataclass(frozen=True)
class Desk:
    """Who asks, and whom."""

    client: Client
    membership: Membership
    agent: Agent

    @property
    def scope(self) -> workspace_scope:
        return workspace_scope(self.membership.workspace_id, user_id=self.membership.user_id)

    def url(self, name: str, *named: Any) -> str:
        args = [self.membership.workspace.slug, *(getattr(one, "pk", one) for one in named)]
        return reverse(f"fleet:{name}", args=args)

    def submit(self, text: str = "Count the birds.", **more: Any) -> Task:
        with self.scope:
            return actions.submit(self.agent, text, by=self.membership.user, **more)

    def put(self, task: Task, **fields: Any) -> Task:
        """Have a task stand as it is said, and return it."""
        with self.scope:
            Task.objects.filter(pk=task.pk).update(**fields)
        return self.again(task)

    def waiting(self, *calls: str) -> Task:
        """Make a task that waits for the answers to these calls."""
        task = self.put(self.submit(), state="waiting", job=None)
        for call in calls:
            ApprovalFactory(workspace=self.membership.workspace, task=task, call=call)
        return task

    def again(self, row: Any) -> Any:
        with self.scope:
            return type(row).objects.get(pk=row.pk)

    def tasks(self) -> list[Task]:
        with self.scope:
            return list(Task.objects.select_related("conversation").order_by("pk"))

    def trail(self) -> list[tuple[str, str]]:
        """Return (action, outcome) of what is on the trail, oldest first."""
        with self.scope:
            entries = AuditEntry.objects.order_by("number")
            return list(entries.values_list("action", "outcome"))


@pytest.fixture
def desk(client: Client, db: None) -> Desk:
    membership = MembershipFactory(role=Role.OPERATOR)
    client.force_login(membership.user)
    agent = AgentFactory(workspace=membership.workspace, name="Owl", **COMMAND)
    return Desk(client, membership, agent)


@pytest.fixture
def foreign(db: None) -> Agent:
    """An agent of another workspace: what must not be reached."""
    return AgentFactory(name="Kestrel", **COMMAND)
