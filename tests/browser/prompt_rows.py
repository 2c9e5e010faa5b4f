"""A prompt with everything that its pages can show, for tests in a browser."""

from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.models import Prompt
from tests.factories import AgentFactory
from workspaces.models import Membership
from workspaces.scope import workspace_scope

TEXTS = [
    "You sort issues.\nBe brief.",
    "You sort the issues of {{project}}.\nBe brief.",
    "You sort the issues of {{project}}.\nBe brief and kind.\n" + "A very long line. " * 30,
]


def written(member: Membership, name: str, texts: list[str] = TEXTS) -> Prompt:
    """Make a prompt with production at v2, a label of its own, and an agent that works by it."""
    with workspace_scope(member.workspace_id):
        prompt = actions.create(name=name, text=texts[0], by=member.user, description="Sorts")
        for text in texts[1:]:
            actions.add_version(prompt, text=text, by=member.user, note="Better")
        production = actions.move_label(prompt, name="production", number=2)
        actions.move_label(prompt, name="canary", number=3)
    AgentFactory(
        workspace=member.workspace,
        name=f"Agent by {name}",
        prompt=prompt,
        prompt_label=production,
        created_by=member.user,
    )
    return prompt
