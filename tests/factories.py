"""Rows for tests. Each factory enters the scope that its row needs, so that one test can build both
sides of a boundary."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import User
from accounts.provisioning import account_for
from agenhood.api.models import IdempotentRequest
from agenhood.fleet.actions.history import index
from agenhood.fleet.models import (
    Agent,
    AgentRevision,
    AgentSecret,
    AgentTemplate,
    Approval,
    Artifact,
    Conversation,
    Credential,
    CredentialGrant,
    CredentialVersion,
    Event,
    ModelPrice,
    Project,
    Prompt,
    PromptLabel,
    PromptVersion,
    SavedView,
    Schedule,
    SearchDocument,
    Task,
    Transcript,
)
from workspaces.audit import record
from workspaces.audit.models import AuditEntry, AuditHead
from workspaces.exports.models import Export
from workspaces.invitations.models import Invitation
from workspaces.models import Membership, Workspace, WorkspaceKey
from workspaces.provisioning import provision_workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope
from workspaces.secret_text import new_secret
from workspaces.secrets import fingerprint, last_four, seal
from workspaces.tokens.models import ServiceAccount, Token
from workspaces.tokens.text import digest_of, new_text, prefix_of


class UserFactory(DjangoModelFactory):
    """A person; `password` gives them one, else they can only be signed in by `force_login`."""

    class Meta:
        model = User

    email = factory.Sequence("person-{}@example.test".format)
    name = factory.Sequence("Person {}".format)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> User:
        email, name = kwargs.pop("email"), kwargs.pop("name")
        password = kwargs.pop("password", None)
        with platform_scope("test data"):
            user, _is_new = account_for(email, name)
            for field, value in kwargs.items():
                setattr(user, field, value)
            if password:
                user.set_password(password)
            user.save()
        return user


class WorkspaceFactory(DjangoModelFactory):
    """A workspace with an owner nobody asks for, as every workspace has one."""

    class Meta:
        model = Workspace

    name = factory.Sequence("Workspace {}".format)
    slug = factory.Sequence("workspace-{}".format)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Workspace:
        workspace = Workspace(**kwargs)
        owner = f"owner@{workspace.slug}.example.test"
        return provision_workspace(workspace, owner).workspace


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.VIEWER

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Membership:
        with platform_scope("test data"):
            return Membership.objects.create(**kwargs)


class WorkspaceOwnedFactory(DjangoModelFactory):
    class Meta:
        abstract = True

    workspace = factory.SubFactory(WorkspaceFactory)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        with workspace_scope(kwargs["workspace"].pk):
            return super()._create(model_class, *args, **kwargs)


class InvitationFactory(DjangoModelFactory):
    """An open invitation by an owner who is made with it; `secret` is the end of its copied link,
    `mailed` of the one in the mail."""

    class Meta:
        model = Invitation
        exclude = ["secret", "mailed"]

    workspace = factory.SubFactory(WorkspaceFactory)
    email = factory.Sequence("invited-{}@example.test".format)
    role = Role.VIEWER
    invited_by = factory.LazyAttribute(
        lambda made: MembershipFactory(workspace=made.workspace, role=Role.OWNER).user
    )
    secret = factory.LazyAttribute(lambda made: new_secret(made.workspace.pk))
    link_digest = factory.LazyAttribute(lambda made: digest_of(made.secret))
    mailed = ""
    mail_digest = factory.LazyAttribute(
        lambda made: digest_of(made.mailed) if made.mailed else None
    )
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Invitation:
        with workspace_scope(kwargs["workspace"].pk):
            return Invitation.objects.create(**kwargs)


class ServiceAccountFactory(WorkspaceOwnedFactory):
    class Meta:
        model = ServiceAccount

    name = factory.Sequence("account-{}".format)
    created_by = factory.SubFactory(UserFactory)


class TokenFactory(WorkspaceOwnedFactory):
    """A token of a member's, who is made with it; `text` is what its holder sends."""

    class Meta:
        model = Token
        exclude = ["text"]

    text = factory.LazyAttribute(lambda token: new_text(token.workspace.pk))
    name = factory.Sequence("token-{}".format)
    membership = factory.SubFactory(
        MembershipFactory, workspace=factory.SelfAttribute("..workspace")
    )
    created_by = factory.LazyAttribute(
        lambda token: token.membership.user if token.membership else UserFactory()
    )
    scopes = factory.List([])
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=90))
    prefix = factory.LazyAttribute(lambda token: prefix_of(token.text))
    digest = factory.LazyAttribute(lambda token: digest_of(token.text))


class ProjectFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Project

    name = factory.Sequence("project-{}".format)


class _OfSomebody(WorkspaceOwnedFactory):
    class Meta:
        abstract = True

    created_by = factory.SubFactory(UserFactory)


class PromptFactory(_OfSomebody):
    class Meta:
        model = Prompt

    name = factory.Sequence("prompt-{}".format)


class PromptVersionFactory(_OfSomebody):
    class Meta:
        model = PromptVersion

    prompt = factory.SubFactory(PromptFactory, workspace=factory.SelfAttribute("..workspace"))
    number = 1
    text = "Answer in three lines."


class PromptLabelFactory(WorkspaceOwnedFactory):
    class Meta:
        model = PromptLabel

    version = factory.SubFactory(
        PromptVersionFactory, workspace=factory.SelfAttribute("..workspace")
    )
    prompt = factory.SelfAttribute("version.prompt")
    name = PromptLabel.PRODUCTION


class WorkspaceKeyFactory(WorkspaceOwnedFactory):
    class Meta:
        model = WorkspaceKey

    wrapped = b"opens nothing"


class CredentialFactory(_OfSomebody):
    """A credential without a value: CredentialVersionFactory makes one with it."""

    class Meta:
        model = Credential

    name = factory.Sequence("credential-{}".format)
    kind = Credential.Kind.TOKEN


class CredentialVersionFactory(_OfSomebody):
    """The value `secret` of a credential, which is made too."""

    class Meta:
        model = CredentialVersion

    credential = factory.SubFactory(
        CredentialFactory, workspace=factory.SelfAttribute("..workspace")
    )
    number = 1

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> CredentialVersion:
        secret = kwargs.pop("secret", b"only-for-tests-0123456789")
        with workspace_scope(kwargs["workspace"].pk):
            version = CredentialVersion(**kwargs)
            version.sealed = seal(version, "sealed", secret)
            version.fingerprint, version.last_four = fingerprint(secret), last_four(secret)
            version.save()
        return version


class AgentFactory(_OfSomebody):
    class Meta:
        model = Agent

    project = factory.SubFactory(ProjectFactory, workspace=factory.SelfAttribute("..workspace"))
    name = factory.Sequence("agent-{}".format)


class AgentRevisionFactory(_OfSomebody):
    class Meta:
        model = AgentRevision

    agent = factory.SubFactory(AgentFactory, workspace=factory.SelfAttribute("..workspace"))
    number = 1
    configuration = factory.Dict({})


class AgentSecretFactory(WorkspaceOwnedFactory):
    """Its value does not open: nobody sealed it."""

    class Meta:
        model = AgentSecret

    agent = factory.SubFactory(AgentFactory, workspace=factory.SelfAttribute("..workspace"))
    variable = factory.Sequence("SECRET_{}".format)
    sealed = b"not a sealed value"
    set_in = 1


class CredentialGrantFactory(WorkspaceOwnedFactory):
    class Meta:
        model = CredentialGrant

    agent = factory.SubFactory(AgentFactory, workspace=factory.SelfAttribute("..workspace"))
    credential = factory.SubFactory(
        CredentialFactory, workspace=factory.SelfAttribute("..workspace")
    )
    variable = factory.Sequence("CREDENTIAL_{}".format)


class AgentTemplateFactory(_OfSomebody):
    class Meta:
        model = AgentTemplate

    name = factory.Sequence("template-{}".format)
    configuration = factory.Dict({})


class ConversationFactory(_OfSomebody):
    class Meta:
        model = Conversation

    agent = factory.SubFactory(AgentFactory, workspace=factory.SelfAttribute("..workspace"))
    title = factory.Sequence("Conversation {}".format)


class TaskFactory(_OfSomebody):
    class Meta:
        model = Task

    conversation = factory.SubFactory(
        ConversationFactory, workspace=factory.SelfAttribute("..workspace")
    )
    agent = factory.SelfAttribute("conversation.agent")
    project = factory.SelfAttribute("agent.project")
    number = 1
    input = "Count the birds."
    agent_revision = 1
    created_at = factory.LazyFunction(timezone.now)


class EventFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Event

    task = factory.SubFactory(TaskFactory, workspace=factory.SelfAttribute("..workspace"))
    number = 1
    kind = Event.Kind.MESSAGE
    text = "There are three."
    created_at = factory.LazyFunction(timezone.now)


class ArtifactFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Artifact

    task = factory.SubFactory(TaskFactory, workspace=factory.SelfAttribute("..workspace"))
    path = factory.Sequence("report-{}.txt".format)
    size = 0
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    content_type = "text/plain"


class ScheduleFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Schedule

    agent = factory.SubFactory(AgentFactory, workspace=factory.SelfAttribute("..workspace"))
    name = factory.Sequence("schedule-{}".format)
    input = "Count the birds."
    cron = "0 9 * * 1-5"
    acts_as = factory.SubFactory(UserFactory)


class ApprovalFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Approval

    task = factory.SubFactory(TaskFactory, workspace=factory.SelfAttribute("..workspace"))
    call = factory.Sequence("call-{}".format)
    tool = "run_shell"
    arguments = factory.Dict({"command": "ls"})


class TranscriptFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Transcript

    task = factory.SubFactory(TaskFactory, workspace=factory.SelfAttribute("..workspace"))


class ModelPriceFactory(WorkspaceOwnedFactory):
    class Meta:
        model = ModelPrice

    model = factory.Sequence("model-{}".format)
    input_micros = 3_000_000
    output_micros = 15_000_000


class SavedViewFactory(WorkspaceOwnedFactory):
    class Meta:
        model = SavedView

    person = factory.SubFactory(UserFactory)
    name = factory.Sequence("view-{}".format)
    query = "state=failed"


class IdempotentRequestFactory(WorkspaceOwnedFactory):
    class Meta:
        model = IdempotentRequest

    token = factory.SubFactory(TokenFactory, workspace=factory.SelfAttribute("..workspace"))
    key = factory.Sequence("key-{}".format)
    fingerprint = "0" * 64


class ExportFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Export

    kind = "probe"
    format = "ndjson"
    requested_by = factory.SubFactory(UserFactory)


class _OfTheTrail(WorkspaceOwnedFactory):
    """What the trail's trigger writes when something is recorded, and nobody else may."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        with workspace_scope(kwargs["workspace"].pk):
            record("test.record")
            row = model_class.objects.latest("number")
        row.workspace = kwargs["workspace"]
        return row


class AuditEntryFactory(_OfTheTrail):
    class Meta:
        model = AuditEntry


class AuditHeadFactory(_OfTheTrail):
    class Meta:
        model = AuditHead


class SearchDocumentFactory(WorkspaceOwnedFactory):
    """What a task is found by."""

    class Meta:
        model = SearchDocument

    task = factory.SubFactory(TaskFactory, workspace=factory.SelfAttribute("..workspace"))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        with workspace_scope(kwargs["workspace"].pk):
            index(kwargs["task"])
            row = model_class.objects.get(task=kwargs["task"])
        row.workspace = kwargs["workspace"]
        return row
