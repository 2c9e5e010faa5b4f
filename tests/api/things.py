"""One thing of each kind that the API's addresses name, by that name."""

from uuid import UUID

from tests import factories
from workspaces.models import Workspace


def make_things(workspace: Workspace) -> dict[str, UUID]:
    agent = factories.AgentFactory(workspace=workspace, name=f"{workspace.slug}-agent")
    works = {"agent__driver": "command", "agent__command": "true"}
    thread = factories.ConversationFactory(workspace=workspace, **works)
    task = factories.TaskFactory(workspace=workspace, conversation=thread, state="succeeded")
    waiting = factories.TaskFactory(workspace=workspace, state="waiting")
    running = factories.TaskFactory(workspace=workspace, state="running")
    factories.EventFactory(workspace=workspace, task=task, text=f"{workspace.slug} was here")
    label = factories.PromptLabelFactory(workspace=workspace)
    artifact = factories.ArtifactFactory(workspace=workspace, task=task)
    return {
        "agent": agent.pk,
        "project": factories.ProjectFactory(workspace=workspace, name=f"{workspace.slug}-p").pk,
        "template": factories.AgentTemplateFactory(workspace=workspace).pk,
        "credential": factories.CredentialFactory(workspace=workspace).pk,
        "conversation": task.conversation_id,
        "task": task.pk,
        "running": running.pk,
        "worker": thread.agent_id,
        "approval": factories.ApprovalFactory(workspace=workspace, task=waiting).pk,
        "schedule": factories.ScheduleFactory(workspace=workspace).pk,
        "price": factories.ModelPriceFactory(workspace=workspace).pk,
        "prompt": label.prompt_id,
        "artifact": artifact.pk,
        "savedview": factories.SavedViewFactory(workspace=workspace).pk,
        "export": factories.ExportFactory(workspace=workspace, kind="history").pk,
        "membership": factories.MembershipFactory(workspace=workspace).pk,
    }
