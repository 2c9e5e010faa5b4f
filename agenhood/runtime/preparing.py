"""What a run is given: its agent's configuration as it is now, opened secrets, and its memory."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.views.decorators.debug import sensitive_variables

from accounts.master_key import CannotOpen
from agenhood.fleet import configuration
from agenhood.fleet.actions import credential as credentials
from agenhood.fleet.actions.credential import NotOpened
from agenhood.fleet.models import (
    Agent,
    AgentSecret,
    Approval,
    CredentialVersion,
    ModelPrice,
    Task,
    Transcript,
)
from agenhood.fleet.prompt_text import render_prompt, text_for
from agenhood.runtime.run import Decision, Limits, Provider
from workspaces.secrets import open_sealed

REMEMBERED_TASKS = 30  # of a conversation, before a task


class CannotRun(Exception):
    """The task cannot be run as its agent is set up; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything of a `Run` that comes from the database. `secrets` are what must not be stored:
    those that the run is given, and the others that the workspace keeps."""

    agent: Agent
    instructions: str
    provider: Provider | None
    limits: Limits
    prices: Mapping[str, tuple[int, int]]
    memory: Sequence[Any]
    messages: Sequence[Any]
    decisions: Sequence[Decision]
    environment: Mapping[str, str] = field(repr=False)
    secrets: Sequence[str] = field(repr=False)


@sensitive_variables("environment", "provider")
def prepare(task: Task) -> Prepared:
    """Gather what a running task needs, in its workspace's scope. Raises CannotRun."""
    agent = Agent.objects.select_related(
        "project",
        "provider_credential",
        "prompt",
        "prompt_label__version",
        "prompt_version",
        "workspace",
    ).get(pk=task.agent_id)
    grants = list(agent.grants.select_related("credential"))
    if lacks := configuration.needs(agent, grants):
        raise CannotRun(f"{agent} cannot work as it is set up. {' '.join(lacks)}")
    try:
        provider = _provider(agent, task)
        environment = dict(agent.environment)
        environment |= {
            grant.variable: _text(credentials.open_for_task(grant.credential, task).reveal())
            for grant in grants
        }
        environment |= {
            secret.variable: _text(open_sealed(secret, "sealed", secret.sealed))
            for secret in agent.secrets.all()
        }
    except (NotOpened, CannotOpen) as refusal:
        raise CannotRun(str(refusal)) from None
    answers = Approval.objects.filter(
        task=task, state__in=[Approval.State.ALLOWED, Approval.State.DENIED]
    ).order_by("id")
    return Prepared(
        agent=agent,
        instructions=render_prompt(text_for(agent), _values(agent, task)),
        provider=provider,
        limits=Limits(
            **{name: getattr(agent, name) for name in Limits.__slots__},
        ),
        prices={
            price.model: (price.input_micros, price.output_micros)
            for price in ModelPrice.objects.all()
        },
        memory=_memory(task),
        messages=next(iter(Transcript.objects.filter(task=task)), Transcript()).messages,
        decisions=[
            Decision(answer.call, answer.state == Approval.State.ALLOWED, answer.note)
            for answer in answers
        ],
        environment=environment,
        secrets=_secrets(),
    )


def _provider(agent: Agent, task: Task) -> Provider | None:
    credential = agent.provider_credential
    if agent.driver != Agent.Driver.LLM or credential is None:
        return None
    key = credentials.open_for_task(credential, task).reveal_text()
    return Provider(credential.kind, credential.fields.get("base_url", ""), key)


def _values(agent: Agent, task: Task) -> dict[str, str]:
    """Return what a prompt's variables stand for: the agent's plain environment, and some more."""
    return agent.environment | {
        "agent": agent.name,
        "project": agent.project.name,
        "workspace": agent.workspace.name,
        "date": datetime.now(UTC).date().isoformat(),
        "task": task.input,
    }


def _memory(task: Task) -> list[Any]:
    earlier = (
        Transcript.objects.filter(
            task__conversation=task.conversation_id, task__number__lt=task.number
        )
        .order_by("-task__number")
        .values_list("messages", flat=True)[:REMEMBERED_TASKS]
    )
    return [message for messages in reversed(list(earlier)) for message in messages]


@sensitive_variables()
def _secrets() -> list[str]:
    """Return every secret that the workspace keeps, to be found in what an agent says.

    One that does not open is left out: nobody was given it.
    """
    found = []
    for kept in (
        CredentialVersion.objects.exclude(sealed=None),
        AgentSecret.objects.all(),
    ):
        for row in kept:
            try:
                found.append(_text(open_sealed(row, "sealed", bytes(row.sealed))))
            except CannotOpen:
                continue
    return [secret for secret in dict.fromkeys(found) if secret]


def _text(value: bytes) -> str:
    """Return a value as a variable can hold it: what is no text, in base64."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
    return base64.b64encode(value).decode() if "\0" in text else text
