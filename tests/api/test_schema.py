"""The API against its own document: no 5xx, and every answer is one that the document names.

A program of each role asks each operation with generated input, about ids of its own workspace, of
another one and of none. The other workspace's rows are there throughout, and stay as they are.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agenhood.api.api import api
from tests import postgres
from tests.api.conftest import token_of
from tests.api.things import make_things
from tests.factories import MembershipFactory, WorkspaceFactory
from tests.isolation.stored import BOOKKEEPING, stored, workspaces_of
from workspaces.roles import Role

pytestmark = pytest.mark.xdist_group("api_schema")  # all of it shares one set of data

EXAMPLES = 2  # of each operation, for an owner, who comes furthest; one for each other role
DOCUMENT = api.get_openapi_schema(path_params={})
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {
    operation.label: operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations())
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class World:
    """acme, whose programs ask, and globex, which nobody of them belongs to."""

    def __init__(self, superuser: Any) -> None:
        self.superuser = superuser
        self.acme, self.globex = (WorkspaceFactory(slug=slug) for slug in ("acme", "globex"))
        self.tokens = {
            role: token_of(MembershipFactory(workspace=self.acme, role=role)) for role in Role
        }
        self.own = make_things(self.acme)
        self.foreign = make_things(self.globex)
        self.app = get_wsgi_application()

    def of_globex(self) -> set[tuple[str, str]]:
        rows = stored(self.superuser, but=BOOKKEEPING)
        return {row for row in rows if workspaces_of({row}) == {str(self.globex.pk)}}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stack.callback(postgres.empty_database)
        stack.callback(connections.close_all)
        yield World(stack.enter_context(postgres.superuser()))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("label", OPERATIONS)
def test_an_operation_answers_as_its_document_says(world: World, label: str, role: Role) -> None:
    operation = OPERATIONS[label]
    writes = operation.method.upper() != "GET"
    before = world.of_globex() if writes else set()

    @settings(
        max_examples=EXAMPLES if role == Role.OWNER else 1,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), which=st.sampled_from(["own", "foreign", "absent"]))
    def ask(case: Any, which: str) -> None:
        known = {"own": world.own, "foreign": world.foreign, "absent": {}}[which]
        for name in case.path_parameters or {}:
            if name.endswith("_id"):
                case.path_parameters[name] = str(known.get(name.removesuffix("_id"), uuid4()))
        response = case.call(
            app=world.app, headers={"Authorization": f"Bearer {world.tokens[role]}"}
        )
        case.validate_response(response, checks=CHECKS)
        if which == "foreign" and case.path_parameters and "{" in case.path:
            assert response.status_code not in (200, 201, 204), "a foreign thing was found"
        assert "globex" not in response.text

    ask()
    assert not writes or world.of_globex() == before


def test_every_operation_names_its_permission() -> None:
    for _prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                assert hasattr(operation.view_func, "permission"), (path, operation.methods)


def test_the_document_is_public_and_tells_of_no_workspace(client: Any, db: None) -> None:
    answer = client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert json.loads(answer.content)["info"]["title"] == "Agenhood"
