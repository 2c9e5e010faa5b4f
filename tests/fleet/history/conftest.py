"""A workspace with an operator and an agent, and words to write its history with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.models import Agent, Conversation, Event, Task
from tests.factories import AgentFactory, MembershipFactory
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@dataclass(frozen=True)
class Desk:
    """Where somebody works with an agent. `ask` runs one task in a conversation of its own."""

    membership: Membership
    agent: Agent

    @property
    def scope(self) -> workspace_scope:
        return workspace_scope(self.membership.workspace_id, user_id=self.membership.user_id)

    def ask(
        self,
        text: str,
        *said: str,
        title: str = "Untitled",
        output: str = "",
        state: Task.State = Task.State.SUCCEEDED,
        at: datetime | None = None,
        **desk: Any,
    ) -> Task:
        agent, by = desk.get("agent", self.agent), desk.get("by", self.membership.user)
        with self.scope:
            conversation = history.start_conversation(agent=agent, title=title, by=by, at=at)
            task = history.add_task(conversation, text=text, by=by, at=at)
            history.start_task(task)
            history.append_events(task, [NewEvent(Event.Kind.MESSAGE, words) for words in said])
            history.finish_task(task, state=state, output=output)
        return task

    def conversation(self, title: str = "Untitled") -> Conversation:
        with self.scope:
            return history.start_conversation(
                agent=self.agent, title=title, by=self.membership.user
            )


@pytest.fixture
def desk_of(db: None) -> Callable[..., Desk]:
    def desk_of(**membership: Any) -> Desk:
        joined = MembershipFactory(**({"role": Role.OPERATOR} | membership))
        return Desk(joined, AgentFactory(workspace=joined.workspace))

    return desk_of


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    return desk_of()


@pytest.fixture
def other_desk(desk_of: Callable[..., Desk]) -> Desk:
    """The same in another workspace, which nothing may show here."""
    return desk_of()
