"""Both sides of a boundary: two workspaces with the same kinds of rows, named after them."""

from dataclasses import dataclass

from agenhood.fleet.models import Project
from tests.factories import MembershipFactory, UserFactory, WorkspaceFactory
from tests.isolation.models_app.models import Folder, Note, Tag, Tagging
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@dataclass(frozen=True)
class Side:
    name: str
    workspace: Workspace
    member: Membership
    project: Project
    folder: Folder
    inner: Folder
    note: Note
    tag: Tag
    tagging: Tagging

    @property
    def scope(self) -> workspace_scope:
        return workspace_scope(self.workspace.pk, user_id=self.member.user_id)


@dataclass(frozen=True)
class Sides:
    """`acme` is where a test stands; what is in `globex` must stay out of its reach."""

    acme: Side
    globex: Side


def make_side(name: str) -> Side:
    """Return a workspace with one row of each kind, and a member who may do everything in it."""
    workspace = WorkspaceFactory(name=name, slug=name)
    member = MembershipFactory(
        workspace=workspace, user=UserFactory(email=f"ann@{name}.test", name=name), role=Role.OWNER
    )
    with workspace_scope(workspace.pk):
        project = Project.objects.create(name=name)
        folder = Folder.objects.create(name=name)
        inner = Folder.objects.create(name=name, parent=folder)
        note = Note.objects.create(text=name, project=project, folder=folder, subject=project)
        tag = Tag.objects.create(name=name)
        tagging = Tagging.objects.create(note=note, tag=tag)
    return Side(name, workspace, member, project, folder, inner, note, tag, tagging)


def make_sides() -> Sides:
    return Sides(make_side("acme"), make_side("globex"))
