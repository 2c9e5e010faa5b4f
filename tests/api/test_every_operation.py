"""Every operation that changes something: done, it is on the audit trail, with who did it; refused,
as well; and about another workspace's things it answers as about none.

The operations come from the API itself: a new one fails here until it has a row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from agenhood.api.api import api
from tests.api.conftest import Program
from tests.api.things import make_things
from tests.factories import WorkspaceFactory
from workspaces.audit.models import AuditEntry
from workspaces.models import Workspace
from workspaces.roles import Role
from workspaces.scope import workspace_scope

SECRET = {"token": "a-secret-that-nobody-shall-see-0001"}


@dataclass(frozen=True)
class Row:
    """What is sent to a path, and what is answered. `before` are paths that are posted to first,
    `also` what the action records besides."""

    method: str
    path: str
    action: str
    body: Any = None
    status: int = 200
    before: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


NAMED = {"name": "Sent by a program"}
CREDENTIAL = NAMED | {"kind": "token", "secret": SECRET}
AGENT = NAMED | {"project": "{project_id}", "driver": "command", "command": "true"}
TASK = {"agent": "{worker_id}", "text": "Count the birds."}
SCHEDULE = NAMED | {"agent": "{worker_id}", "input": "Count the birds.", "cron": "0 9 * * *"}
PRICE = {"model": "sent-by-a-program", "input_micros": 150_000, "output_micros": 600_000}
ROWS = [
    Row("POST", "/projects", "project.create", NAMED, 201),
    Row("PATCH", "/projects/{project_id}", "project.change", NAMED),
    Row("POST", "/projects/{project_id}/archive", "project.archive"),
    Row("POST", "/projects/{project_id}/restore", "project.restore"),
    Row("DELETE", "/projects/{project_id}", "project.delete", status=204),
    Row("POST", "/agents", "agent.create", AGENT, 201),
    Row("PATCH", "/agents/{agent_id}", "agent.change", {"memory_mb": 128}),
    Row("POST", "/agents/{agent_id}/pause", "agent.pause"),
    Row("POST", "/agents/{agent_id}/resume", "agent.resume", before=("/agents/{agent_id}/pause",)),
    Row("POST", "/agents/{agent_id}/archive", "agent.archive"),
    Row(
        "POST",
        "/agents/{agent_id}/restore",
        "agent.restore",
        before=("/agents/{agent_id}/archive",),
    ),
    Row("POST", "/agents/{agent_id}/revisions/2/restore", "agent.restore_revision"),
    Row("POST", "/templates", "template.create", NAMED | {"agent": "{agent_id}"}, 201),
    Row("PATCH", "/templates/{template_id}", "template.change", NAMED),
    Row("DELETE", "/templates/{template_id}", "template.delete", status=204),
    Row("POST", "/prompts", "prompt.create", NAMED | {"text": "Be brief."}, 201),
    Row("PATCH", "/prompts/{prompt_id}", "prompt.change", NAMED),
    Row("POST", "/prompts/{prompt_id}/archive", "prompt.archive"),
    Row(
        "POST",
        "/prompts/{prompt_id}/restore",
        "prompt.restore",
        before=("/prompts/{prompt_id}/archive",),
    ),
    Row("DELETE", "/prompts/{prompt_id}", "prompt.delete", status=204),
    Row("POST", "/prompts/{prompt_id}/versions", "prompt.add_version", {"text": "Briefer."}, 201),
    Row("PUT", "/prompts/{prompt_id}/labels/night", "prompt.move_label", {"version": 1}),
    Row("POST", "/prompts/{prompt_id}/labels/moved/roll-back", "prompt.roll_back"),
    Row("DELETE", "/prompts/{prompt_id}/labels/moved", "prompt.remove_label", status=204),
    Row("POST", "/credentials", "credential.create", CREDENTIAL, 201),
    Row("PATCH", "/credentials/{credential_id}", "credential.change", NAMED),
    Row("POST", "/credentials/{credential_id}/rotate", "credential.rotate", {"secret": SECRET}),
    Row("POST", "/credentials/{credential_id}/revoke", "credential.revoke"),
    Row("DELETE", "/credentials/{credential_id}", "credential.delete", status=204),
    Row("PATCH", "/conversations/{conversation_id}", "conversation.change", {"title": "Anew"}),
    Row("POST", "/conversations/{conversation_id}/archive", "conversation.archive"),
    Row(
        "POST",
        "/conversations/{conversation_id}/restore",
        "conversation.restore",
        before=("/conversations/{conversation_id}/archive",),
    ),
    Row("DELETE", "/conversations/{conversation_id}", "conversation.delete", status=204),
    Row("DELETE", "/artifacts/{artifact_id}", "artifact.delete", status=204),
    Row("POST", "/saved-views", "saved_view.create", NAMED | {"query": "state=failed"}, 201),
    Row("DELETE", "/saved-views/{savedview_id}", "saved_view.delete", status=204),
    Row("POST", "/tasks", "task.create", TASK, 201, also=("conversation.create",)),
    Row("POST", "/tasks/{task_id}/retry", "task.create", {}, 201),
    Row("POST", "/tasks/{running_id}/cancel", "task.cancel"),
    Row("POST", "/tasks/{running_id}/stop", "task.stop"),
    Row("POST", "/approvals/{approval_id}/decide", "approval.allow", {"decision": "allow"}),
    Row("POST", "/schedules", "schedule.create", SCHEDULE, 201),
    Row("PATCH", "/schedules/{schedule_id}", "schedule.change", NAMED),
    Row("POST", "/schedules/{schedule_id}/disable", "schedule.disable"),
    Row(
        "POST",
        "/schedules/{schedule_id}/enable",
        "schedule.enable",
        before=("/schedules/{schedule_id}/disable",),
    ),
    Row("DELETE", "/schedules/{schedule_id}", "schedule.delete", status=204),
    Row("POST", "/prices", "price.create", PRICE, 201),
    Row("PUT", "/prices/{price_id}", "price.change", PRICE),
    Row("DELETE", "/prices/{price_id}", "price.delete", status=204),
    Row("POST", "/exports", "export.request", {"kind": "history", "format": "csv"}, 201),
]


class World:
    def __init__(self, program: Callable[..., Program]) -> None:
        self.acme, self.globex = (WorkspaceFactory(slug=slug) for slug in ("acme", "globex"))
        self.things = {workspace.slug: make_things(workspace) for workspace in self.both}
        self.owner, self.auditor = (program(self.acme, role) for role in (Role.OWNER, Role.AUDITOR))
        prompt = f"/prompts/{self.things['acme']['prompt']}"
        self.owner.post(f"{prompt}/versions", {"text": "Another."})
        for version in (1, 2):
            self.owner.ask("PUT", f"{prompt}/labels/moved", {"version": version})
        agent = f"/agents/{self.things['acme']['agent']}"
        self.owner.patch(agent, {"driver": "command", "command": "true"})
        self.owner.patch(agent, {"memory_mb": 256})
        mine = self.owner.post("/saved-views", {"name": "Mine"}).json()["id"]
        self.things["acme"]["savedview"] = UUID(mine)

    @property
    def both(self) -> list[Workspace]:
        return [self.acme, self.globex]

    def filled(self, given: Any, whose: str) -> Any:
        """Put ids into a path or a body: of acme's things, globex's, or of none."""
        if isinstance(given, dict):
            return {name: self.filled(value, whose) for name, value in given.items()}
        if not isinstance(given, str):
            return given
        names = self.things["acme"]
        ids = {f"{name}_id": self.things.get(whose, {}).get(name, uuid4()) for name in names}
        return given.format(**ids)

    def trail(self, workspace: Workspace) -> list[AuditEntry]:
        with workspace_scope(workspace.pk):
            return list(AuditEntry.objects.order_by("number"))


@pytest.fixture
def world(db: None, program: Callable[..., Program]) -> World:
    return World(program)


def test_every_operation_that_changes_something_has_a_row() -> None:
    there = set()
    for path, operations in api.get_openapi_schema(path_params={})["paths"].items():
        there |= {f"{method.upper()} {path}" for method in operations if method != "get"}

    numbers = {"revisions/2/": "revisions/{number}/", "labels/night": "labels/{name}"}
    numbers |= {"labels/moved": "labels/{name}", "{running_id}": "{task_id}"}
    rows = set()
    for row in ROWS:
        path = f"/api/v1{row.path}"
        for given, named in numbers.items():
            path = path.replace(given, named)
        rows.add(f"{row.method} {path}")
    assert rows == there


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_operation_for_strangers_for_the_unentitled_and_for_the_owner(
    world: World, row: Row
) -> None:
    other = world.trail(world.globex)
    refuses_foreign_things(world, row)
    records_what_it_refuses(world, row)
    records_what_it_does(world, row)
    assert world.trail(world.globex) == other


def refuses_foreign_things(world: World, row: Row) -> None:
    """Things of another workspace are answered as things of none, and nothing is done."""
    if "_id}" not in row.path + str(row.body):
        return
    before = world.trail(world.acme)
    answers = []
    for whose in ("globex", "nobody"):
        body = world.filled(row.body, whose)
        answer = world.owner.ask(row.method, world.filled(row.path, whose), body)
        answers.append((answer.status_code, answer.json() | {"request_id": ""}))

    assert answers[0] == answers[1]
    assert answers[0][0] == 404 if "_id}" in row.path else answers[0][0] in (404, 422)
    assert world.trail(world.acme) == before


def records_what_it_refuses(world: World, row: Row) -> None:
    before = len(world.trail(world.acme))

    answer = world.auditor.ask(
        row.method, world.filled(row.path, "acme"), world.filled(row.body, "acme")
    )

    assert answer.status_code == 403
    (entry,) = world.trail(world.acme)[before:]
    assert (entry.outcome, entry.actor_kind) == ("denied", "token")


def records_what_it_does(world: World, row: Row) -> None:
    for path in row.before:
        assert world.owner.post(world.filled(path, "acme")).status_code == 200
    before = len(world.trail(world.acme))

    answer = world.owner.ask(
        row.method, world.filled(row.path, "acme"), world.filled(row.body, "acme")
    )

    assert answer.status_code == row.status, answer.text
    added = world.trail(world.acme)[before:]
    assert [entry.action for entry in added] == [*row.also, row.action]
    assert (added[0].outcome, added[0].actor_kind) == ("done", "token")
    assert added[0].on_behalf_of
    assert SECRET["token"] not in answer.text + str(added[0].changes)
