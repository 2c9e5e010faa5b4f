"""The demo passes the forms and actions of the day, and fills every screen."""

import pytest

from agenhood.fleet.demo.build import fill
from agenhood.fleet.demo.content import CONTENTS
from agenhood.fleet.models import (
    Agent,
    AgentRevision,
    AgentTemplate,
    Artifact,
    Credential,
    Event,
    Prompt,
    Task,
)
from tests.factories import MembershipFactory, WorkspaceFactory
from workspaces.roles import Role
from workspaces.scope import workspace_scope


@pytest.mark.parametrize("slug", CONTENTS)
def test_a_demo_workspace_has_something_of_everything(db, slug):
    owner = MembershipFactory(workspace=WorkspaceFactory(slug=slug), role=Role.OWNER)

    with workspace_scope(owner.workspace_id, user_id=owner.user_id):
        assert fill(CONTENTS[slug], by=owner.user)

        for model in (AgentTemplate, Artifact, Credential, Event, Prompt):
            assert model.objects.exists()
        assert Task.objects.count() > 20
        asked = Task.objects.unfinished().get()
        assert asked.job is not None
        assert (asked.agent.driver, asked.state) == ("command", Task.State.QUEUED)
        assert Credential.objects.filter(last_used_by__isnull=False).count() >= 2
        written = list(Artifact.objects.order_by("pk").values_list("created_at__date", flat=True))
        assert len(set(written)) > 3
        assert written == sorted(written)
        exit_code = Task.objects.filter(agent__driver="llm", state_reason__contains="exit code")
        assert not exit_code.exists()
        assert AgentRevision.objects.count() >= Agent.objects.count() == len(CONTENTS[slug].agents)


def test_it_is_filled_once(db):
    owner = MembershipFactory(workspace=WorkspaceFactory(slug="acme"), role=Role.OWNER)
    with workspace_scope(owner.workspace_id, user_id=owner.user_id):
        fill(CONTENTS["acme"], by=owner.user)
        before = Task.objects.count()

        assert not fill(CONTENTS["acme"], by=owner.user)
        assert Task.objects.count() == before


def test_the_demo_has_a_picture_that_the_console_shows(db):
    owner = MembershipFactory(workspace=WorkspaceFactory(slug="acme"), role=Role.OWNER)
    with workspace_scope(owner.workspace_id, user_id=owner.user_id):
        fill(CONTENTS["acme"], by=owner.user)
        assert Artifact.objects.filter(content_type="image/png").exists()
