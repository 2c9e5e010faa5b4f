"""A long answer ends when its token does, and when the token may not any more."""

from io import BytesIO

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from agenhood.fleet.actions import artifact as artifacts
from tests.api.conftest import token_of
from tests.factories import MembershipFactory, TaskFactory, WorkspaceFactory
from workspaces.models import Membership
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope
from workspaces.tokens.models import Token

SIZE = 4 * 1024 * 1024


def revoke(member):
    with workspace_scope(member.workspace_id):
        Token.objects.update(revoked_at=member.created_at)


def demote(member):
    with platform_scope("demote"):
        Membership.objects.filter(pk=member.pk).update(role=Role.AUDITOR)


def remain(member):
    pass


def store():
    member = MembershipFactory(workspace=WorkspaceFactory(slug="acme"), role=Role.VIEWER)
    task = TaskFactory(workspace=member.workspace)
    with workspace_scope(member.workspace_id, user_id=member.user_id):
        artifact = artifacts.store(task, "long.bin", BytesIO(b"\0" * SIZE))
    return member, token_of(member), artifact.pk


@pytest.mark.parametrize(
    ("happens", "is_whole"), [(remain, True), (revoke, False), (demote, False)]
)
async def test_a_download_ends_with_its_token(committed_db, happens, is_whole):
    member, token, artifact_id = await sync_to_async(store)()
    headers = {"Authorization": f"Bearer {token}"}
    answer = await AsyncClient().get(f"/api/v1/artifacts/{artifact_id}/content", headers=headers)
    assert answer.status_code == 200

    received = 0
    async for chunk in answer.streaming_content:
        if received == 0:
            await sync_to_async(happens)(member)
        received += len(chunk)

    assert (received == SIZE) is is_whole
