"""What people and tokens do with projects, each inside the workspace's scope.

A form has been validated; a project that is changed was locked by whoever looked it up.
"""

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.models import Agent, Project
from workspaces.audit import record
from workspaces.forms import save_or_refuse

MOST_NAMED = 5  # agents in a refusal


class ProjectRefused(Exception):
    """The change is not possible now; the message says why."""


def create(form: ProjectForm) -> bool:
    """Save a new project. False, with the error in the form, if its name was taken meanwhile."""
    if not save_or_refuse(form):
        return False
    record("project.create", form.instance, changes={"name": (None, form.instance.name)})
    return True


def change(form: ProjectForm) -> bool:
    """Save a project's new name. False, with the error in the form, if it was taken meanwhile."""
    before = form.initial["name"]
    if not save_or_refuse(form):
        return False
    record("project.change", form.instance, changes={"name": (before, form.instance.name)})
    return True


def archive(project: Project) -> None:
    """Put a project away. Raises ProjectRefused while an agent in it runs."""
    running = Agent.objects.filter(project=project, state=Agent.State.RUNNING).order_by("name")
    names = list(running.values_list("name", flat=True)[: MOST_NAMED + 1])
    if names and project.archived_at is None:
        others = " and others" if len(names) > MOST_NAMED else ""
        raise ProjectRefused(
            f"Agents run in this project: {', '.join(names[:MOST_NAMED])}{others}."
            " Pause or archive them first."
        )
    _set_archived(project, "project.archive", archived=True)


def restore(project: Project) -> None:
    _set_archived(project, "project.restore", archived=False)


def delete(project: Project) -> None:
    """Delete an empty project. Raises ProjectRefused for one that something is in."""
    try:
        with transaction.atomic():
            record("project.delete", project, changes={"name": (project.name, None)})
            project.delete()
    except (ProtectedError, IntegrityError):  # the latter for what came in this moment
        raise ProjectRefused(
            "Agents are in this project, archived ones included, or have worked in it."
            " Archive the project instead."
        ) from None


def _set_archived(project: Project, action: str, *, archived: bool) -> None:
    before = project.archived_at is not None
    if before != archived:
        project.archived_at = timezone.now() if archived else None
        project.save(update_fields=["archived_at"])
    record(action, project, changes={"archived": (before, archived)})
