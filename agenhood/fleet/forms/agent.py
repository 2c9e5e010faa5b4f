"""How an agent is set up, typed into a page or sent as plain data."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q, Window
from django.db.models.functions import Lower, RowNumber

from accounts.names import NamedForm
from agenhood.fleet.configuration import LIMITS, PROVIDER_KINDS, TOOLS, Setup
from agenhood.fleet.forms.agent_fields import (
    EnvironmentField,
    GrantsField,
    HostsField,
    PromptTextField,
    SchemaField,
    SecretsField,
    ToolsField,
)
from agenhood.fleet.models import (
    Agent,
    AgentTemplate,
    Credential,
    Project,
    PromptLabel,
    PromptVersion,
)

VERSIONS_OFFERED = 10  # of each prompt, the newest; others are there by their labels
BLANK_ROWS = 2  # for more credentials or secrets, without JavaScript


def plain_data(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration document as the form takes it: secrets are kept as they are."""
    references = {
        name: document[name]["id"]
        for name in ("project", "provider_credential")
        if document.get(name)
    }
    text = ""
    for kind in ("label", "version"):
        if chosen := document.get(f"prompt_{kind}"):
            text = f"{kind}:{chosen['id']}"
    grants = [
        {"credential": grant["credential"]["id"], "variable": grant["variable"]}
        for grant in document.get("grants", [])
    ]
    secrets = dict.fromkeys(document.get("secrets", {}))
    plain = {name: value for name, value in document.items() if not isinstance(value, dict)}
    for name in ("environment", "output_schema"):
        plain[name] = document.get(name)
    return plain | references | {"prompt_text": text, "grants": grants, "secrets": secrets}


class AgentForm(NamedForm, forms.ModelForm):
    """Checks an agent's whole configuration. `setup()` is what the actions take.

    `instance` is the agent that is configured anew, if any. What a driver does not use is dropped:
    the page hides it, and nobody should wonder later what it does.
    """

    prompt_text = PromptTextField(label="Prompt", required=False)
    tools = ToolsField(required=False)
    network_hosts = HostsField(
        label="Hosts that it may reach",
        required=False,
        help_text="One host name a line, such as api.example.com. Nothing else is reachable.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "code"}),
    )
    grants = GrantsField(label="Granted credentials", required=False)
    environment = EnvironmentField(
        label="Plain values",
        required=False,
        help_text="One variable a line: NAME=value. Everybody who sees the agent sees them.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "code"}),
    )
    secrets = SecretsField(label="Secret values", required=False)
    output_schema = SchemaField(
        label="Schema of answers",
        required=False,
        help_text="A JSON Schema that each answer has to satisfy. Without one it is free text.",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "code"}),
    )
    note = forms.CharField(
        label="What this changes, and why",
        max_length=200,
        required=False,
        help_text="Stands beside the revision.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    class Meta:
        model = Agent
        fields = [
            "name",
            "description",
            "project",
            "driver",
            "command",
            "model",
            "provider_credential",
            *LIMITS,
            "network_allowed",
        ]
        labels: dict[str, Any] = {
            "network_allowed": "The agent may use the network",
            "wall_seconds": "Wall time, seconds",
            "max_iterations": "Iterations",
            "max_tokens": "Tokens",
            "max_cost_cents": "Spend, US cents",
            "max_attempts": "Attempts",
            "memory_mb": "Memory, MB",
            "max_processes": "Processes",
            "disk_mb": "Disk, MB",
        }
        help_texts: dict[str, Any] = {
            "command": "Run by a shell in the sandbox, with the task on its standard input.",
            "model": "As the provider names it, such as claude-sonnet-4-5.",
            "provider_credential": "What the model is called with. The sandbox never sees it.",
            "max_attempts": "The first one included: when its worker dies, a task begins anew.",
        }
        widgets: dict[str, Any] = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "description": forms.TextInput(attrs={"autocomplete": "off"}),
            "driver": forms.RadioSelect,
            "model": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "command": forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "code"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        # As they are stored: a ModelForm puts what was typed onto its instance.
        self._project_id = self.instance.project_id
        self._prompt_id = self.instance.prompt_id
        self._is_new = self.instance._state.adding
        fields: dict[str, Any] = self.fields
        fields["project"].queryset = Project.objects.filter(
            Q(archived_at=None) | Q(pk=self._project_id)
        ).order_by(Lower("name"))
        fields["project"].empty_label = "Choose…"
        fields["driver"].choices = Agent.Driver.choices
        credential = fields["provider_credential"]
        credential.queryset = Credential.objects.usable().filter(kind__in=PROVIDER_KINDS)
        credential.error_messages["invalid_choice"] = (
            "Choose a model provider's credential of this workspace that has not been revoked."
        )
        credential.widget.choices = lambda: [
            ("", "Choose…"),
            *((str(c.pk), str(c)) for c in self.credentials if c.kind in PROVIDER_KINDS),
        ]
        fields["prompt_text"].widget.choices = lambda: self._prompt_choices

    # What the configuration as a whole must be

    def clean_prompt_text(self) -> PromptLabel | PromptVersion | None:
        text: PromptLabel | PromptVersion | None = self.cleaned_data["prompt_text"]
        if text is not None and text.prompt.archived_at and text.prompt_id != self._prompt_id:
            raise ValidationError(f"The prompt {text.prompt} is archived.")
        return text

    def clean_secrets(self) -> dict[str, str | None]:
        secrets: dict[str, str | None] = self.cleaned_data["secrets"]
        for variable, value in secrets.items():
            if value is None and variable not in self.stored_secrets:
                raise ValidationError(f"Give {variable} a value, or leave its row empty.")
        return secrets

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("driver") == Agent.Driver.COMMAND:
            self._forget("model", "provider_credential", "prompt_text", "tools", "output_schema")
            self._require("command", "Say what is to be run.")
        elif cleaned.get("driver") == Agent.Driver.LLM:
            self._forget("command")
            self._require("model", "Say which model.")
            self._require("provider_credential", "Choose the credential to call the model with.")
        if cleaned.get("network_hosts") and not cleaned.get("network_allowed"):
            cleaned["network_hosts"] = []
        if cleaned.get("network_allowed") and "network_hosts" in cleaned:
            self._require("network_hosts", "Name the hosts that it may reach, or allow no network.")
        self._refuse_clashes()
        return cleaned

    def _forget(self, *names: str) -> None:
        """Drop what the driver does not use, with what was wrong about it."""
        for name in names:
            self.cleaned_data[name] = {"tools": [], "command": "", "model": ""}.get(name)
            self.errors.pop(name, None)

    def _require(self, name: str, message: str) -> None:
        if not self.cleaned_data.get(name) and name not in self.errors:
            self.add_error(name, message)

    def _refuse_clashes(self) -> None:
        """One variable has one value, wherever it comes from."""
        holders = [
            ("a plain value", "environment", set(self.cleaned_data.get("environment") or ())),
            ("a secret value", "secrets", set(self.cleaned_data.get("secrets") or ())),
            (
                "a granted credential",
                "grants",
                {v for _c, v in self.cleaned_data.get("grants") or ()},
            ),
        ]
        for number, (words, _name, variables) in enumerate(holders):
            for other_words, other_name, others in holders[number + 1 :]:
                for variable in sorted(variables & others):
                    self.add_error(other_name, f"{variable} is {words} and {other_words}.")

    def setup(self) -> Setup:
        """Return what a valid form says."""
        cleaned = self.cleaned_data
        text = cleaned["prompt_text"]
        names = [*self.Meta.fields, "tools", "network_hosts", "environment", "output_schema"]
        fields = {name: cleaned[name] for name in names} | {
            "prompt": text.prompt if text else None,
            "prompt_label": text if isinstance(text, PromptLabel) else None,
            "prompt_version": text if isinstance(text, PromptVersion) else None,
        }
        return Setup(fields, cleaned["grants"], cleaned["secrets"])

    # What the page offers

    @cached_property
    def has_projects(self) -> bool:
        """Whether there is one to choose: without one, no agent can be made."""
        field: Any = self.fields["project"]
        return bool(field.queryset.exists())

    @cached_property
    def credentials(self) -> list[Credential]:
        return list(Credential.objects.usable().order_by(Lower("name")))

    @cached_property
    def stored_secrets(self) -> dict[str, str]:
        """The variables that have a secret value now, with its last four characters."""
        if self._is_new:
            return {}
        return dict(self.instance.secrets.order_by("variable").values_list("variable", "last_four"))

    @cached_property
    def _prompt_choices(self) -> list[Any]:
        """Labels and the newest versions of each prompt, and what is chosen now."""
        labels = (
            PromptLabel.objects.filter(prompt__archived_at=None)
            .select_related("prompt", "version")
            .defer("version__text")
        )
        newest = Window(RowNumber(), partition_by="prompt_id", order_by=F("number").desc())
        versions: Any = (
            PromptVersion.objects.filter(prompt__archived_at=None)
            .annotate(rank=newest)
            .filter(rank__lte=VERSIONS_OFFERED)
            .select_related("prompt")
            .defer("text")
        )
        groups: dict[str, list[tuple[str, str]]] = {}
        for label in sorted(labels, key=lambda label: label.name):
            text = f"{label.prompt} · {label} (now {label.version})"
            groups.setdefault(label.prompt.name, []).append((f"label:{label.pk}", text))
        for version in sorted(versions, key=lambda version: -version.number):
            text = f"{version.prompt} · always {version}"
            groups.setdefault(version.prompt.name, []).append((f"version:{version.pk}", text))
        chosen = str(self["prompt_text"].value() or "")
        offered = {value for group in groups.values() for value, _text in group}
        if chosen and chosen not in offered and self._chosen_text(chosen):
            groups.setdefault("Chosen now", []).append((chosen, self._chosen_text(chosen)))
        return [("", "None"), *sorted(groups.items(), key=lambda group: group[0].lower())]

    def _chosen_text(self, chosen: str) -> str:
        try:
            text = PromptTextField().to_python(chosen)
        except ValidationError:
            return ""
        return (
            f"{text.prompt} · {'always ' if chosen.startswith('version') else ''}{text}"
            if text
            else ""
        )

    def tool_rows(self) -> list[dict[str, str]]:
        value = self["tools"].value()
        chosen = {
            tool.get("name"): "ask" if tool.get("ask_first") else "allowed"
            for tool in (value if isinstance(value, list) else [])
        }
        return [
            {"name": name, "label": label, "chosen": chosen.get(name, "")}
            for name, label in TOOLS.items()
        ]

    def grant_rows(self) -> list[dict[str, Any]]:
        value = self["grants"].value() or []
        rows = [
            {"credential": str(r.get("credential")), "variable": r.get("variable")} for r in value
        ]
        rows = [row for row in rows if row["credential"] or row["variable"]]
        return rows + [{"credential": "", "variable": ""}] * BLANK_ROWS

    def has_typed_secrets(self) -> bool:
        """Whether a secret value was typed, which the page that comes back does not have."""
        value = (self["secrets"].value() or []) if self.is_bound else []
        rows = value.values() if isinstance(value, dict) else [row.get("value") for row in value]
        return any(rows)

    def secret_rows(self) -> Iterable[dict[str, Any]]:
        """Stored ones first. What was typed as a value never comes back to the page."""
        value = self["secrets"].value() or []
        named = list(value) if isinstance(value, dict) else [row.get("variable") for row in value]
        kept = set(named) if self.is_bound else set(self.stored_secrets)
        stored = [
            {"variable": name, "last_four": last_four, "stored": True, "removed": name not in kept}
            for name, last_four in self.stored_secrets.items()
        ]
        added = [
            {"variable": name, "stored": False} for name in named if name not in self.stored_secrets
        ]
        blank = [{"variable": "", "stored": False}] * BLANK_ROWS
        return [*stored, *(row for row in added if row["variable"]), *blank]


class AgentTemplateForm(NamedForm, forms.ModelForm):
    class Meta:
        model = AgentTemplate
        fields = ["name", "description"]
        widgets: dict[str, Any] = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "description": forms.TextInput(attrs={"autocomplete": "off"}),
        }
