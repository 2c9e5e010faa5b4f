"""An agent's configuration as a document: what a revision and a template hold.

It names what the agent refers to by id and by name, so that it can be read when that is gone, and
secrets by their variable and the revision that set them, never by value.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.timezone import now

from agenhood.fleet.models import (
    Agent,
    Credential,
    Project,
    Prompt,
    PromptLabel,
    PromptVersion,
)

TOOLS = {
    "run_shell": "Run shell commands",
    "run_python": "Run Python",
    "read_file": "Read files",
    "write_file": "Write files",
    "edit_file": "Edit files",
    "list_files": "List files",
}
LIMITS = {
    "wall_seconds": ("Wall time", "seconds"),
    "max_iterations": ("Iterations", ""),
    "max_tokens": ("Tokens", ""),
    "max_cost_cents": ("Spend", "US cents"),
    "max_attempts": ("Attempts", ""),
    "memory_mb": ("Memory", "MB"),
    "max_processes": ("Processes", ""),
    "disk_mb": ("Disk", "MB"),
}
PLAIN = ["name", "description", "driver", "command", "model", "tools", *LIMITS]
PLAIN += ["network_allowed", "network_hosts", "environment", "output_schema"]
REFERENCES: dict[str, type[Any]] = {
    "project": Project,
    "provider_credential": Credential,
    "prompt": Prompt,
    "prompt_label": PromptLabel,
    "prompt_version": PromptVersion,
}
PROVIDER_KINDS = [Credential.Kind.ANTHROPIC, Credential.Kind.OPENAI]
HIDDEN = "a credential"
SECTIONS = ["Basics", "Tools", "Limits", "Network", "Credentials", "Environment"]


@dataclass(frozen=True)
class Setup:
    """What an agent is to be: its own fields, the credentials granted, the secret values.

    A secret's value is None where the stored one is kept; secrets that are not named are removed.
    """

    fields: Mapping[str, Any]
    grants: list[tuple[Credential, str]] = field(default_factory=list)
    secrets: Mapping[str, str | None] = field(default_factory=dict, repr=False)


def of_agent(agent: Agent) -> dict[str, Any]:
    """Return the agent's configuration now, as it is stored."""
    grants = agent.grants.select_related("credential")
    return document(
        {name: getattr(agent, name) for name in [*PLAIN, *REFERENCES]},
        [(grant.credential, grant.variable) for grant in grants],
        {secret.variable: secret.set_in for secret in agent.secrets.all()},
    )


def document(
    fields: Mapping[str, Any],
    grants: Iterable[tuple[Credential, str]],
    secrets: Mapping[str, int],
) -> dict[str, Any]:
    """Return the JSON document. `secrets` is the revision that set each variable's value."""
    plain = {name: fields[name] for name in PLAIN}
    references = {name: _reference(fields.get(name)) for name in REFERENCES}
    granted = [
        {"credential": _reference(credential), "variable": variable}
        for credential, variable in sorted(grants, key=lambda grant: grant[1])
    ]
    return plain | references | {"grants": granted, "secrets": dict(sorted(secrets.items()))}


def _reference(row: Any) -> dict[str, str] | None:
    return None if row is None else {"id": str(row.pk), "name": str(row)}


def setup_from(document: Mapping[str, Any]) -> tuple[Setup, list[str]]:
    """Return the setup that a document stands for, and in words what of it is gone.

    Six statements. Secrets keep the values that the agent has now. What a document is too old to
    say is as it was then for every agent.
    """
    gone: list[str] = []
    unsaid = Agent()
    fields: dict[str, Any] = {name: document.get(name, getattr(unsaid, name)) for name in PLAIN}
    for name, model in REFERENCES.items():
        reference = document.get(name)
        row = model.objects.filter(pk=reference["id"]).first() if reference else None
        if reference and row is None:
            gone.append(f"{LABELS[name]} “{reference['name']}” is gone.")
        elif row is not None and (problem := _unusable(name, row)):
            gone.append(problem)
            row = None
        fields[name] = row
    granted = document.get("grants", [])
    ids = [grant["credential"]["id"] for grant in granted]
    found = {str(row.pk): row for row in Credential.objects.filter(pk__in=ids)} if ids else {}
    grants = []
    for grant in granted:
        row = found.get(grant["credential"]["id"])
        if row is None:
            gone.append(f"The credential “{grant['credential']['name']}” is gone.")
        elif row.revoked_at:
            gone.append(f"The credential “{row}” has been revoked.")
        else:
            grants.append((row, grant["variable"]))
    return Setup(fields, grants, dict.fromkeys(document.get("secrets", {}))), gone


def _unusable(name: str, row: Any) -> str:
    if isinstance(row, Credential) and row.revoked_at:
        return f"The credential “{row}” has been revoked."
    if isinstance(row, Project | Prompt) and row.archived_at:
        return f"{LABELS[name]} “{row}” is archived."
    return ""


def needs(agent: Agent, grants: Iterable[Any]) -> list[str]:
    """Return what keeps the agent from working as it is set up, a sentence each."""
    found = []
    if agent.driver == Agent.Driver.LLM and agent.provider_credential is None:
        found.append("It has no credential to call its model with.")
    credentials = [agent.provider_credential, *(grant.credential for grant in grants)]
    used = {credential.pk: credential for credential in credentials if credential is not None}
    found += [
        f"A credential that it uses {'was revoked' if credential.revoked_at else 'has expired'}."
        for credential in used.values()
        if credential.revoked_at or (credential.expires_at and credential.expires_at <= now())
    ]
    if agent.project.archived_at:
        found.append("Its project is archived.")
    if agent.prompt and agent.prompt.archived_at:
        found.append("Its prompt is archived.")
    return found


LABELS = {
    "name": "Name",
    "description": "Description",
    "project": "Project",
    "driver": "Driver",
    "command": "Command",
    "model": "Model",
    "provider_credential": "Provider credential",
    "prompt": "Prompt",
    "prompt_label": "Prompt label",
    "prompt_version": "Prompt version",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a configuration says. `text` is what a person is shown of `value`."""

    label: str
    text: str
    value: Any
    section: str


def lines(document: Mapping[str, Any], *, names_credentials: bool) -> list[Line]:
    """Return what a document says, one thing a line.

    Those who may not see credentials' names read "a credential" instead.
    """
    found = [
        *_basics(document, names_credentials),
        *tool_lines(document),
        *limit_lines(document),
        *_network(document),
    ]
    for grant in document.get("grants", []):
        name = grant["credential"]["name"] if names_credentials else HIDDEN
        found.append(
            Line(f"Granted as {grant['variable']}", name, grant["credential"]["id"], "Credentials")
        )
    # jsonb keeps no order of keys
    for variable, value in sorted(document.get("environment", {}).items()):
        found.append(Line(variable, value, value, "Environment"))
    for variable, number in sorted(document.get("secrets", {}).items()):
        words = f"secret, set in r{number}" if number else "secret, to be set"
        found.append(Line(variable, words, number, "Environment"))
    return found


def _basics(document: Mapping[str, Any], names_credentials: bool) -> list[Line]:
    found = []
    for name, label in LABELS.items():
        value = document.get(name)
        if isinstance(value, dict):
            hidden = name == "provider_credential" and not names_credentials
            found.append(Line(label, HIDDEN if hidden else value["name"], value["id"], "Basics"))
        elif value:
            text = Agent.Driver(value).label if name == "driver" else str(value)
            found.append(Line(label, text, value, "Basics"))
    if schema := document.get("output_schema"):
        found.append(Line("Schema of answers", schema_text(schema), schema, "Basics"))
    return found


def schema_text(schema: Any) -> str:
    """Return a JSON Schema as people read and write it."""
    return json.dumps(schema, indent=2, ensure_ascii=False)


def tool_lines(document: Mapping[str, Any]) -> list[Line]:
    allowed = {tool["name"]: tool["ask_first"] for tool in document.get("tools", [])}
    return [
        Line(label, "asks first" if allowed[name] else "allowed", allowed[name], "Tools")
        for name, label in TOOLS.items()
        if name in allowed
    ]


def limit_lines(document: Mapping[str, Any]) -> list[Line]:
    return [
        Line(label, _limit_text(document[name], unit), document[name], "Limits")
        for name, (label, unit) in LIMITS.items()
        if name in document
    ]


def _limit_text(value: int, unit: str) -> str:
    return f"${value / 100:,.2f}" if unit == "US cents" else f"{value:,} {unit}".strip()


def _network(document: Mapping[str, Any]) -> list[Line]:
    allowed = bool(document.get("network_allowed"))
    hosts = document.get("network_hosts", [])
    found = [Line("Network", "allowed" if allowed else "none", allowed, "Network")]
    return found + [Line(f"Host {host}", "allowed", True, "Network") for host in hosts]


@dataclass(frozen=True, slots=True)
class Difference:
    """`before` or `after` is "" where the thing is only in one of the two."""

    label: str
    before: str
    after: str
    section: str


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, names_credentials: bool
) -> list[Difference]:
    """Return what differs between two documents, in the order of a configuration."""
    old, new = (
        {
            (line.section, line.label): line
            for line in lines(one, names_credentials=names_credentials)
        }
        for one in (before, after)
    )
    found = []
    for key in _merged(list(old), list(new)):
        one, other = old.get(key), new.get(key)
        if one is not None and other is not None and one.value == other.value:
            continue
        section, label = key
        texts = one.text if one else "", other.text if other else ""
        if texts == (HIDDEN, HIDDEN):
            texts = HIDDEN, "another credential"
        found.append(Difference(label, *texts, section))
    return found


def _merged(old: list[Any], new: list[Any]) -> list[Any]:
    """Return all keys, the sections together."""
    keys = [*new, *(key for key in old if key not in set(new))]
    return sorted(keys, key=lambda key: SECTIONS.index(key[0]))
