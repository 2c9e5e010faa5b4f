"""What is done with agents' templates, each in a workspace's scope."""

from django.db import IntegrityError, transaction

from accounts.models import User
from agenhood.fleet import configuration
from agenhood.fleet.actions.agent import AgentRefused
from agenhood.fleet.models import Agent, AgentTemplate
from workspaces.audit import record


def save_as_template(agent: Agent, *, name: str, description: str = "", by: User) -> AgentTemplate:
    """Keep an agent's configuration, without secret values, to make others from.

    Raises AgentRefused for a name that was taken meanwhile.
    """
    document = configuration.of_agent(agent)
    document["secrets"] = dict.fromkeys(document["secrets"], 0)
    template = AgentTemplate(
        name=name, description=description, configuration=document, created_by=by
    )
    _save(template)
    record("template.create", template, changes={"agent": ("", agent.name)})
    return template


def rename(template: AgentTemplate, *, name: str, description: str = "") -> None:
    """Give a template another name. Raises AgentRefused for one that was taken meanwhile."""
    template = AgentTemplate.objects.select_for_update().get(pk=template.pk)
    before = template.name, template.description
    template.name, template.description = name, description
    _save(template)
    record(
        "template.change",
        template,
        changes={
            field: (old, new)
            for field, old, new in zip(
                ("name", "description"), before, (name, description), strict=True
            )
            if old != new
        },
    )


def delete(template: AgentTemplate) -> None:
    """Remove a template; agents that were made from it stay as they are."""
    record("template.delete", template)
    template.delete()


def _save(template: AgentTemplate) -> None:
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", "") != "fleet_agenttemplate_name_unique":
            raise
        raise AgentRefused(
            f"This workspace already has a template named {template.name}."
        ) from error
