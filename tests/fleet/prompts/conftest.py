"""Somebody signed in, in a workspace with a prompt of three versions, beside another workspace."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.models import Prompt, PromptLabel
from tests.factories import MembershipFactory
from workspaces.models import AuditEntry, Membership
from workspaces.roles import Role
from workspaces.scope import workspace_scope

TEXTS = [
    "Be brief.",
    "Be brief.\nAnswer {{person}}.",
    "Answer {{person}} in three lines.\nBe kind.",
]


def make_prompt(member: Membership, name: str = "Triage", texts: list[str] = TEXTS) -> Prompt:
    with workspace_scope(member.workspace_id):
        prompt = actions.create(name=name, text=texts[0], by=member.user)
        for text in texts[1:]:
            actions.add_version(prompt, text=text, by=member.user)
    return prompt


@pytest.fixture
def mine(client: Client, db: None) -> Membership:
    """The membership of the operator who is signed in."""
    membership = MembershipFactory(role=Role.OPERATOR)
    client.force_login(membership.user)
    return membership


@pytest.fixture
def triage(mine: Membership) -> Prompt:
    """Production is at v1, draft at v3."""
    return make_prompt(mine)


def url(name: str, membership: Membership, *named: Any, query: str = "") -> str:
    args = [membership.workspace.slug, *(getattr(one, "pk", one) for one in named)]
    return reverse(f"fleet:prompt-{name}", args=args) + query


def texts(prompt: Prompt) -> list[str]:
    with workspace_scope(prompt.workspace_id):
        return list(prompt.versions.order_by("number").values_list("text", flat=True))


def labels(prompt: Prompt) -> dict[str, int]:
    """Return the number of the version that each label points to."""
    with workspace_scope(prompt.workspace_id):
        found = PromptLabel.objects.filter(prompt=prompt).select_related("version")
        return {label.name: label.version.number for label in found}


def label(prompt: Prompt, name: str) -> PromptLabel:
    with workspace_scope(prompt.workspace_id):
        found: PromptLabel = PromptLabel.objects.select_related("prompt").get(
            prompt=prompt, name=name
        )
        return found


def stored(prompt: Prompt) -> Prompt | None:
    with workspace_scope(prompt.workspace_id):
        found: Prompt | None = Prompt.objects.filter(pk=prompt.pk).first()
        return found


def trail(prompt: Prompt) -> list[tuple[str, Any]]:
    """Return what the audit trail says of the prompt, as (action, changes), the oldest first."""
    with workspace_scope(prompt.workspace_id):
        entries = AuditEntry.objects.filter(target_id=str(prompt.pk)).order_by("number")
        return list(entries.values_list("action", "changes"))
