"""Programs that ask the API, each with a token of its own."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from agenhood.api import middleware
from agenhood.api.rate_limit import RateLimit
from tests.factories import MembershipFactory
from workspaces.models import Membership, Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope
from workspaces.tokens.actions import create_token
from workspaces.tokens.scopes import grantable


class Program:
    """Asks with a token, and with nothing else: no cookie, no session."""

    def __init__(self, token: str) -> None:
        self.token = token

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        more: dict[str, Any] = {}
        if body is not None:
            more = {"data": json.dumps(body), "content_type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.token}"}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client().generic(method, f"/api/v1{path}", headers=names, **more)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.ask("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.ask("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("DELETE", path, **headers)


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the tests of the limit itself have one."""
    monkeypatch.setattr(middleware, "LIMIT", RateLimit(per_second=1e9, burst=10**9))


def token_of(membership: Membership, scopes: list[str] | None = None) -> str:
    with workspace_scope(membership.workspace_id, user_id=membership.user_id):
        chosen = grantable(Role(membership.role)) if scopes is None else scopes
        _token, text = create_token(name="A program", scopes=chosen, by=membership)
    return text


@pytest.fixture
def program(db: None) -> Callable[..., Program]:
    """Return a maker of programs: of a member with this role in that workspace."""

    def make(workspace: Workspace, role: Role = Role.OWNER, scopes: Any = None) -> Program:
        return Program(token_of(MembershipFactory(workspace=workspace, role=role), scopes))

    return make
