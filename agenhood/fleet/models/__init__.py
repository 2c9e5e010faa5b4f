"""What a workspace's fleet is made of."""

from agenhood.fleet.models.agent import (
    Agent,
    AgentRevision,
    AgentSecret,
    AgentTemplate,
    CredentialGrant,
)
from agenhood.fleet.models.credential import Credential, CredentialVersion
from agenhood.fleet.models.history import (
    Artifact,
    Conversation,
    Event,
    SavedView,
    SearchDocument,
    Task,
)
from agenhood.fleet.models.project import Project
from agenhood.fleet.models.prompt import Prompt, PromptLabel, PromptVersion
from agenhood.fleet.models.run import Approval, ModelPrice, Transcript
from agenhood.fleet.models.schedule import Schedule

__all__ = [
    "Agent",
    "AgentRevision",
    "AgentSecret",
    "AgentTemplate",
    "Approval",
    "Artifact",
    "Conversation",
    "Credential",
    "CredentialGrant",
    "CredentialVersion",
    "Event",
    "ModelPrice",
    "Project",
    "Prompt",
    "PromptLabel",
    "PromptVersion",
    "SavedView",
    "Schedule",
    "SearchDocument",
    "Task",
    "Transcript",
]
