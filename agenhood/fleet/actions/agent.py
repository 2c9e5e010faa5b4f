"""What is done with agents: creating, configuring, pausing. Each in a workspace's scope.

A refusal says why, for the person who asked, and leaves nothing changed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from agenhood.fleet import configuration, live, queue
from agenhood.fleet.configuration import Setup
from agenhood.fleet.models import Agent, AgentRevision, AgentSecret, CredentialGrant
from workspaces.audit import record
from workspaces.secrets import last_four, seal

State = Agent.State


class AgentRefused(Exception):
    """The change is not possible now; the message says why."""


class EditConflict(AgentRefused):
    """Somebody else has changed the configuration since it was read: `agent` as it is now."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(f"{agent} has been changed meanwhile: it is at revision {agent.revision}.")
        self.agent = agent


class NotRestorable(AgentRefused):
    """A revision names what is gone; `reasons` says what, a sentence each."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def create(*, setup: Setup, by: User, note: str = "") -> Agent:
    """Make a running agent with its first revision. Raises AgentRefused for a name just taken."""
    agent = Agent(created_by=by, **setup.fields)
    with _refused_by_the_database(agent):
        agent.save()
        _grant(agent, setup)
        _keep_secrets(agent, setup)
        revision = _write_revision(agent, configuration.of_agent(agent), by, note)
    changes = _audited({}, revision.configuration)
    record("agent.create", agent, changes=changes)
    return agent


def change(
    agent: Agent, *, setup: Setup, by: User, seen: int, note: str = "", verb: str = "change"
) -> AgentRevision | None:
    """Configure an agent anew, as its next revision; None when that changes nothing.

    `seen` is the revision that the change was made from. Raises EditConflict when another one has
    come since, and AgentRefused for an archived agent or a name just taken.
    """
    agent = _locked(agent)
    if agent.state == State.ARCHIVED:
        raise AgentRefused(f"{agent} is archived: restore it before changing it.")
    if agent.revision != seen:
        raise EditConflict(agent)
    before = configuration.of_agent(agent)
    number = agent.revision + 1
    secrets = {
        variable: before["secrets"].get(variable, 0) if value is None else number
        for variable, value in setup.secrets.items()
    }
    if configuration.document(setup.fields, setup.grants, secrets) == before:
        return None
    for name, value in setup.fields.items():
        setattr(agent, name, value)
    agent.revision = number
    with _refused_by_the_database(agent):
        agent.save()
        agent.grants.all().delete()
        _grant(agent, setup)
        _keep_secrets(agent, setup)
        revision = _write_revision(agent, configuration.of_agent(agent), by, note)
    record(f"agent.{verb}", agent, changes=_audited(before, revision.configuration))
    return revision


def restore_revision(agent: Agent, number: int, *, by: User) -> AgentRevision | None:
    """Configure an agent as it was in an earlier revision, as a new one; None if it is like that.

    Secret values are not kept in revisions: those that the agent has now stay. Raises NotRestorable
    when the revision names what is gone or revoked, AgentRefused as `change`, and
    AgentRevision.DoesNotExist.
    """
    agent = _locked(agent)
    document = agent.revisions.get(number=number).configuration
    setup, gone = configuration.setup_from(document)
    kept = set(agent.secrets.values_list("variable", flat=True))
    gone += [
        f"The secret value {variable} has been removed: set it anew after restoring without it,"
        " or leave this revision."
        for variable in setup.secrets
        if variable not in kept
    ]
    if gone:
        raise NotRestorable(gone)
    note = f"As in r{number}"
    return change(
        agent, setup=setup, by=by, seen=agent.revision, note=note, verb="restore_revision"
    )


@dataclass(frozen=True)
class _Step:
    """From which states to which one; `done` are those in which there is nothing left to do."""

    sources: tuple[State, ...]
    target: State
    done: tuple[State, ...]
    refusal: str


_STEPS = {
    "pause": _Step(
        (State.RUNNING,), State.PAUSED, (State.PAUSED,), "Only a running agent can be paused."
    ),
    "resume": _Step(
        (State.PAUSED, State.ERROR),
        State.RUNNING,
        (State.RUNNING,),
        "An archived agent has to be restored first.",
    ),
    "archive": _Step(
        (State.RUNNING, State.PAUSED, State.ERROR), State.ARCHIVED, (State.ARCHIVED,), ""
    ),
    # paused: what it was set up with may be out of date by now
    "restore": _Step(
        (State.ARCHIVED,), State.PAUSED, (State.RUNNING, State.PAUSED, State.ERROR), ""
    ),
    "fail": _Step((State.RUNNING,), State.ERROR, (State.ERROR,), "Only a running agent can fail."),
}


def pause(agent: Agent, *, reason: str = "") -> bool:
    """Let an agent take no new tasks.

    As all of these, returns whether this call did it: False when it was done already. Raises
    AgentRefused when the agent's state does not allow it.
    """
    return _move(agent, "pause", reason)


def resume(agent: Agent) -> bool:
    """Let a paused agent, or one in error, take tasks again, and begin what it was given."""
    moved = _move(agent, "resume")
    if moved:
        queue.wake()
    return moved


def archive(agent: Agent) -> bool:
    """Put an agent away: it takes no tasks and cannot be changed until it is restored."""
    return _move(agent, "archive")


def restore(agent: Agent) -> bool:
    """Take an agent out of the archive, paused."""
    return _move(agent, "restore")


def fail(agent: Agent, *, reason: str) -> bool:
    """Stop an agent that cannot work, until somebody resumes it; `reason` is shown to people."""
    return _move(agent, "fail", reason[:200])


@dataclass
class Moved:
    """How many of several agents were moved, were so `already`, and were left: `in_error`, which a
    person is to look at one by one, or for the reason that the step has."""

    moved: int = 0
    already: int = 0
    in_error: int = 0
    left: int = 0


def pause_many(agents: list[Agent]) -> Moved:
    return _move_many(agents, pause)


def resume_many(agents: list[Agent]) -> Moved:
    """Resume those that are paused. What stopped one in error is still there, for all we know."""
    found = _move_many(agents, lambda agent: _move(agent, "resume", leave=State.ERROR))
    if found.moved:
        queue.wake()
    return found


def _move_many(agents: list[Agent], move: Callable[[Agent], bool]) -> Moved:
    found = Moved()
    # in one order, so that two such requests wait for each other instead of deadlocking
    for agent in sorted(agents, key=lambda agent: agent.pk):
        try:
            if move(agent):
                found.moved += 1
            else:
                found.already += 1
        except AgentRefused:
            if agent.state == State.ERROR:
                found.in_error += 1
            else:
                found.left += 1
    return found


def _move(agent: Agent, verb: str, reason: str = "", *, leave: State | None = None) -> bool:
    """Compare and set: of two calls at once, one finds the state that it saw, and the other not.

    An agent in the state `leave` is refused, though the step could be taken from there.
    """
    step = _STEPS[verb]
    while agent.state not in step.done:
        if agent.state not in step.sources or agent.state == leave:
            raise AgentRefused(step.refusal)
        seen, since = agent.state, timezone.now()
        moved = Agent.objects.filter(pk=agent.pk, state=seen).update(
            state=step.target, state_reason=reason, state_since=since
        )
        if moved:
            agent.state, agent.state_reason, agent.state_since = step.target, reason, since
            record(f"agent.{verb}", agent, changes={"state": (seen, step.target)}, reason=reason)
            live.tell_agent(agent)
            return True
        agent.refresh_from_db(fields=["state", "state_reason", "state_since"])
    return False


def _locked(agent: Agent) -> Agent:
    locked: Agent = Agent.objects.select_for_update().get(pk=agent.pk)
    return locked


def _grant(agent: Agent, setup: Setup) -> None:
    CredentialGrant.objects.bulk_create(
        CredentialGrant(agent=agent, credential=credential, variable=variable)
        for credential, variable in setup.grants
    )


def _keep_secrets(agent: Agent, setup: Setup) -> None:
    """Seal the values that were given, keep those that are named, remove the others."""
    given = {variable: value for variable, value in setup.secrets.items() if value is not None}
    agent.secrets.exclude(variable__in=set(setup.secrets) - set(given)).delete()
    for variable, value in given.items():
        secret = AgentSecret(agent=agent, variable=variable, set_in=agent.revision)
        secret.adopt()
        secret.sealed = seal(secret, "sealed", value.encode())
        secret.last_four = last_four(value.encode())
        secret.save()


def _write_revision(agent: Agent, document: dict[str, Any], by: User, note: str) -> AgentRevision:
    return AgentRevision.objects.create(
        agent=agent, number=agent.revision, configuration=document, note=note, created_by=by
    )


def _audited(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        f"{found.section}: {found.label}": (found.before, found.after)
        for found in configuration.differences(before, after, names_credentials=True)
    }


@contextmanager
def _refused_by_the_database(agent: Agent) -> Iterator[None]:
    """Turn into words what a request at the same moment has made impossible."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
        if constraint == "fleet_agent_name_unique":
            raise AgentRefused(
                f"This workspace already has an agent named {agent.name}."
            ) from error
        if constraint.endswith("_workspace"):
            raise AgentRefused("Something that this names is gone meanwhile.") from error
        raise
