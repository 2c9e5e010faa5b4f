"""Somebody signed in, in a workspace with what an agent is made of, beside another workspace."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agenhood.fleet.configuration import LIMITS
from agenhood.fleet.models import (
    Agent,
    Credential,
    Project,
    PromptLabel,
    PromptVersion,
)
from tests.factories import (
    CredentialFactory,
    MembershipFactory,
    ProjectFactory,
    PromptFactory,
    PromptLabelFactory,
    PromptVersionFactory,
)
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@dataclass(frozen=True)
class Parts:
    """What an agent of one workspace may be made of."""

    workspace: Workspace
    project: Project
    provider: Credential
    token: Credential
    label: PromptLabel
    version: PromptVersion

    def form(self, **changes: Any) -> dict[str, Any]:
        """What the page's form sends for a language model's agent."""
        return {
            "name": "Merlin",
            "description": "Watches the sky",
            "project": str(self.project.pk),
            "driver": "llm",
            "model": "claude-sonnet-4-5",
            "provider_credential": str(self.provider.pk),
            "prompt_text": f"label:{self.label.pk}",
            "tool-run_shell": "ask",
            "tool-read_file": "allowed",
            **{name: str(Agent._meta.get_field(name).default) for name in LIMITS},
            **changes,
        }

    def stored(self, **filters: Any) -> Agent:
        with workspace_scope(self.workspace.pk):
            agents = Agent.objects.select_related("project", "prompt_label", "provider_credential")
            found: Agent = agents.get(**filters)
            return found


def make_parts(workspace: Workspace) -> Parts:
    prompt = PromptFactory(workspace=workspace, name="Falconry")
    version = PromptVersionFactory(workspace=workspace, prompt=prompt, number=1)
    return Parts(
        workspace,
        ProjectFactory(workspace=workspace, name="Birds"),
        CredentialFactory(workspace=workspace, name="Claude", kind=Credential.Kind.ANTHROPIC),
        CredentialFactory(workspace=workspace, name="Forge", kind=Credential.Kind.TOKEN),
        PromptLabelFactory(workspace=workspace, version=version),
        version,
    )


@pytest.fixture
def mine(client: Client, db: None) -> Membership:
    """The membership of the operator who is signed in."""
    membership = MembershipFactory(role=Role.OPERATOR)
    client.force_login(membership.user)
    return membership


@pytest.fixture
def parts(mine: Membership) -> Parts:
    return make_parts(mine.workspace)


@pytest.fixture
def foreign(db: None) -> Parts:
    """The same in another workspace: what must not leak."""
    return make_parts(MembershipFactory(role=Role.OWNER).workspace)


def url(name: str, membership: Membership, *named: Any, query: str = "") -> str:
    args = [membership.workspace.slug, *(getattr(one, "pk", one) for one in named)]
    return reverse(f"fleet:agent-{name}", args=args) + query


def statements(queries: Any) -> list[str]:
    """What was asked. A scope inside a test's transaction is a savepoint, and unset at its end."""
    own = ("SAVEPOINT", "RELEASE", "SELECT set_config")
    return [query["sql"] for query in queries if not query["sql"].startswith(own)]
