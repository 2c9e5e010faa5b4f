"""Fills a demo workspace, by the actions that pages and the API use. In the workspace's scope."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from agenhood.fleet import configuration
from agenhood.fleet.actions import agent as agents
from agenhood.fleet.actions import agent_template as templates
from agenhood.fleet.actions import artifact as artifacts
from agenhood.fleet.actions import credential as credentials
from agenhood.fleet.actions import history
from agenhood.fleet.actions import project as projects
from agenhood.fleet.actions import prompt as prompts
from agenhood.fleet.actions import task as tasks
from agenhood.fleet.actions.history import NewEvent
from agenhood.fleet.demo.content import Agent as AgentContent
from agenhood.fleet.demo.content import Contents, Key, Work
from agenhood.fleet.demo.content import Prompt as PromptContent
from agenhood.fleet.forms import ProjectForm
from agenhood.fleet.forms.agent import AgentForm, plain_data
from agenhood.fleet.forms.credential import CredentialForm
from agenhood.fleet.models import (
    Agent,
    Artifact,
    Credential,
    Event,
    Project,
    Prompt,
    PromptLabel,
    Task,
)

DAYS = 30
KIND = Event.Kind


def fill(contents: Contents, *, by: User) -> bool:
    """Fill the active workspace with recorded work, and give one agent something to do.

    Returns False if it has agents already.
    """
    if Agent.objects.exists():
        return False
    for name in contents.projects:
        if not Project.objects.filter(name__iexact=name).exists():
            projects.create(_valid(ProjectForm({"name": name})))
    for key in contents.keys:
        _store(key, by)
    for prompt in contents.prompts:
        _write(prompt, by)
    for agent in contents.agents:
        _set_up(agent, by)
    source, name = contents.template
    templates.save_as_template(Agent.objects.get(name=source), name=name, by=by)
    _record_work(contents.work, by)
    _note_uses()
    for agent in contents.agents:
        _move(agent)
    name, text = contents.asked
    tasks.submit(Agent.objects.get(name=name), text, by=by)
    return True


def _store(key: Key, by: User) -> None:
    values: dict[str, Any] = {"name": key.name, **key.values}
    if key.expires_in_days is not None:
        values["expires_on"] = timezone.localdate() + timedelta(days=key.expires_in_days)
    form = _valid(CredentialForm(key.kind, values))
    credential = credentials.create(
        name=key.name,
        kind=key.kind,
        fields=form.open_fields,
        secret=form.secret,
        expires_at=form.expires_at,
        by=by,
    )
    if key.revoked:
        credentials.revoke(credential)


def _write(prompt: PromptContent, by: User) -> None:
    made = prompts.create(
        name=prompt.name, description=prompt.description, text=prompt.texts[0], by=by
    )
    for text in prompt.texts[1:]:
        prompts.add_version(made, text=text, by=by)
    for label, number in prompt.labels.items():
        prompts.move_label(made, name=label, number=number)


def _set_up(agent: AgentContent, by: User) -> None:
    setup: dict[str, Any] = {
        "name": agent.name,
        "project": str(Project.objects.get(name=agent.project).pk),
        "driver": Agent.Driver.LLM,
        "grants": [
            {"credential": str(Credential.objects.get(name=name).pk), "variable": variable}
            for variable, name in agent.grants.items()
        ],
        **_default_limits(),
        **agent.setup,
    }
    if provider := agent.setup.get("provider_credential"):
        setup["provider_credential"] = str(Credential.objects.get(name=provider).pk)
    if named := setup.pop("prompt", None):
        label = PromptLabel.objects.get(prompt=Prompt.objects.get(name=named[0]), name=named[1])
        setup["prompt_text"] = f"label:{label.pk}"
    made = agents.create(setup=_valid(AgentForm(setup)).setup(), by=by)
    for change in agent.changes:
        made.refresh_from_db()
        form = _valid(
            AgentForm(plain_data(configuration.of_agent(made)) | change, instance=_again(made))
        )
        agents.change(made, setup=form.setup(), by=by, seen=made.revision, note=change["note"])


def _default_limits() -> dict[str, Any]:
    unsaved = Agent()
    return {name: getattr(unsaved, name) for name in configuration.LIMITS}


def _again(agent: Agent) -> Agent:
    """A form writes on its instance: give it one of its own."""
    found: Agent = Agent.objects.get(pk=agent.pk)
    return found


def _move(agent: AgentContent) -> None:
    stored = Agent.objects.get(name=agent.name)
    if agent.state == "paused":
        agents.pause(stored)
    elif agent.state == "error":
        agents.fail(stored, reason=agent.reason)


def _record_work(works: list[Work], by: User) -> None:
    """Spread the agents' conversations over the last month, in the order of their times."""
    # Seeded: the same demo each time.
    draws = {work.agent: random.Random(work.agent) for work in works}  # noqa: S311 - a demo
    now = timezone.now()
    begun = [
        (now - timedelta(days=day, minutes=draws[work.agent].randint(20, 500)), day, place)
        for day in range(DAYS, -1, -3)
        for place, work in enumerate(works)
    ]
    for started, day, place in sorted(begun):
        work = works[place]
        _converse(work, day, started, draws[work.agent], by)


def _converse(work: Work, day: int, started: datetime, draw: random.Random, by: User) -> None:
    agent = Agent.objects.get(name=work.agent)
    title = work.titles[(DAYS - day) // 3 % len(work.titles)]
    conversation = history.start_conversation(agent=agent, title=title, by=by, at=started)
    for turn in range(draw.randint(1, len(work.asked))):
        at = started + timedelta(minutes=6 * turn)
        task = history.add_task(conversation, text=work.asked[turn], by=by, at=at)
        _run(task, work, turn, at, _outcome(work, day, draw), draw)


def _outcome(work: Work, day: int, draw: random.Random) -> Task.State:
    if work.agent == "price-import" and day < 10:
        return Task.State.FAILED
    chances = {Task.State.FAILED: 6, Task.State.TIMED_OUT: 2, Task.State.CANCELLED: 3}
    drawn = draw.randint(1, 100)
    for state, chance in chances.items():
        drawn -= chance
        if drawn <= 0:
            return state
    return Task.State.SUCCEEDED


def _note_uses() -> None:
    """Have each credential used by the last task that ended of an agent that was given it."""
    for agent in Agent.objects.order_by("name"):
        task = Task.objects.filter(agent=agent).order_by("-created_at").first()
        given = Credential.objects.filter(
            Q(pk=agent.provider_credential_id) | Q(grants__agent=agent)
        )
        if task is not None:
            used = given.values("pk")
            Credential.objects.filter(pk__in=used).update(
                last_used_at=task.started_at, last_used_by=task
            )


REASONS = {
    Task.State.FAILED: "The command ended with exit code 1.",
    Task.State.TIMED_OUT: "It took longer than its wall time of 600 seconds.",
    Task.State.CANCELLED: "Cancelled by a member.",
}
OVERLOADED = "The model's provider answered 529 (overloaded) three times."


def _reason(task: Task, state: Task.State) -> str:
    if state == Task.State.FAILED and task.agent.driver == Agent.Driver.LLM:
        return OVERLOADED
    return REASONS.get(state, "")


def _run(
    task: Task, work: Work, turn: int, at: datetime, state: Task.State, draw: random.Random
) -> None:
    history.start_task(task, at=at + timedelta(seconds=1))
    reply = work.replies[turn % len(work.replies)]
    reason = _reason(task, state)
    history.append_events(task, _events(work, reply, at, state, reason))
    succeeded = state == Task.State.SUCCEEDED
    tokens = (draw.randint(800, 9000), draw.randint(80, 900)) if task.agent.model else (0, 0)
    history.finish_task(
        task,
        state=state,
        output=reply if succeeded else "",
        reason=reason,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_micros=tokens[0] * 3 + tokens[1] * 15,
        at=at + timedelta(seconds=draw.randint(9, 240)),
    )
    if succeeded:
        for path, content in work.files.items():
            data = content.encode() if isinstance(content, str) else content
            stored = artifacts.store(task, path, BytesIO(data))
            Artifact.objects.filter(pk=stored.pk).update(created_at=at + timedelta(seconds=6))


def _events(
    work: Work, reply: str, at: datetime, state: Task.State, reason: str = ""
) -> Iterator[NewEvent]:
    def after(seconds: int) -> datetime:
        return at + timedelta(seconds=seconds)

    yield NewEvent(KIND.STATE, "Running in its sandbox", at=after(1))
    yield NewEvent(KIND.MESSAGE, "I look at what there is first.", {"role": "agent"}, after(2))
    yield NewEvent(KIND.TOOL_CALL, work.command, {"tool": work.tool}, after(3))
    failed = state != Task.State.SUCCEEDED
    data = {"tool": work.tool, "exit_code": int(failed and reason != OVERLOADED)}
    yield NewEvent(KIND.TOOL_RESULT, work.output, data, after(4))
    for path in work.files if not failed else ():
        yield NewEvent(KIND.FILE_CHANGE, path, {"change": "created"}, after(6))
    if failed:
        yield NewEvent(KIND.ERROR, reason, at=after(8))
    else:
        yield NewEvent(KIND.MESSAGE, reply, {"role": "agent"}, after(8))


def _valid(form: Any) -> Any:
    """Return the form, which this module fills: it raises if the demo no longer passes it."""
    if not form.is_valid():
        raise ValueError(f"the demo's {type(form).__name__} is not valid: {form.errors.as_json()}")
    return form
