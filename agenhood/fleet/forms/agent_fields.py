"""Fields of an agent's form that hold more than one value.

Each takes what a page posts, in several inputs or lines, and plain data alike: a list or a dict
under the field's own name.
"""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.validators import validator_for

from agenhood.fleet.configuration import TOOLS, schema_text
from agenhood.fleet.environment import (
    MAX_HOSTS,
    MAX_VALUE,
    MAX_VARIABLES,
    check_variable,
    clean_host,
)
from agenhood.fleet.models import Credential, PromptLabel, PromptVersion

MAX_SECRET = 10_000  # characters
MAX_SCHEMA = 20_000  # characters


class PlainOrPosted(forms.Widget):
    """Reads plain data under its own name, else what `read` makes of the page's inputs.

    It is not rendered: the page writes its inputs itself.
    """

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        return SafeString("")

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        plain = data.get(name)
        if isinstance(plain, list | dict):
            return plain
        return self.read(data)

    def read(self, data: Any) -> Any:
        raise NotImplementedError

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


def posted_list(data: Any, name: str) -> list[str]:
    """Return all values of an input; plain data has none."""
    return data.getlist(name) if hasattr(data, "getlist") else []


class _ToolsInputs(PlainOrPosted):
    def read(self, data: Any) -> Any:
        chosen = {name: data.get(f"tool-{name}", "") for name in TOOLS}
        return [
            {"name": name, "ask_first": how == "ask"}
            for name, how in chosen.items()
            if how in ("allowed", "ask")
        ]


class ToolsField(forms.Field):
    """A list of {"name", "ask_first"}, in the order of TOOLS."""

    widget = _ToolsInputs

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        chosen: dict[str, bool] = {}
        for tool in _entries(value or [], {"name", "ask_first"}):
            name, ask_first = _text(tool.get("name")), tool.get("ask_first", False)
            if name not in TOOLS or not isinstance(ask_first, bool):
                raise ValidationError("There is no such tool.")
            chosen[name] = ask_first
        return [{"name": name, "ask_first": chosen[name]} for name in TOOLS if name in chosen]


class HostsField(forms.CharField):
    """A list of host names: posted one a line, or as a list."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        lines = value if isinstance(value, list) else str(value or "").split("\n")
        hosts, errors = [], []
        for line in lines:
            typed = _text(line).strip()
            try:
                if typed:
                    hosts.append(clean_host(typed))
            except ValueError as error:
                errors.append(str(error))
        if len(lines) > MAX_HOSTS:
            errors = [f"At most {MAX_HOSTS} hosts."]
        if errors:
            raise ValidationError(errors[:5])
        return list(dict.fromkeys(hosts))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


class EnvironmentField(forms.CharField):
    """Values by their variable: posted as lines of NAME=value, or as a dict."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        errors = []
        found: dict[str, str] = {}
        for name, text in self._pairs(value):
            try:
                check_variable(name)
                if name in found:
                    raise ValueError(f"{name} is there twice.")
                if text is None:
                    raise ValueError(f"{name} has no value: write {name}=value.")
                if len(text) > MAX_VALUE or "\n" in text or "\r" in text:
                    raise ValueError(
                        f"The value of {name} is one line of at most {MAX_VALUE:,} characters."
                    )
                found[name] = text
            except ValueError as error:
                errors.append(str(error))
        if len(found) > MAX_VARIABLES:
            errors = [f"At most {MAX_VARIABLES} variables."]
        if errors:
            raise ValidationError(errors[:5])
        return found

    def _pairs(self, value: Any) -> list[tuple[str, str | None]]:
        if isinstance(value, Mapping):
            return [(_text(name), _text(text)) for name, text in value.items()]
        pairs: list[tuple[str, str | None]] = []
        for line in _text(value or "").splitlines():
            if line.strip():
                name, equals, text = line.partition("=")
                pairs.append((name.strip(), text.strip() if equals else None))
        return pairs

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return "\n".join(f"{name}={text}" for name, text in sorted(value.items()))
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


class _GrantsInputs(PlainOrPosted):
    def read(self, data: Any) -> Any:
        rows = zip(
            posted_list(data, "grant-credential"), posted_list(data, "grant-variable"), strict=False
        )
        return [{"credential": credential, "variable": variable} for credential, variable in rows]


class GrantsField(forms.Field):
    """Pairs of a credential and the variable that holds it: {"credential": id, "variable"}."""

    widget = _GrantsInputs

    def to_python(self, value: Any) -> list[tuple[Credential, str]]:
        rows = [
            (_text(row.get("credential") or ""), _text(row.get("variable") or "").strip())
            for row in _entries(value or [], {"credential", "variable"})
        ]
        rows = [row for row in rows if row != ("", "")]
        if len(rows) > MAX_VARIABLES:
            raise ValidationError(f"At most {MAX_VARIABLES} credentials.")
        field = forms.ModelMultipleChoiceField(Credential.objects.usable(), required=False)
        try:
            found = {str(c.pk): c for c in field.clean([pk for pk, _variable in rows if pk])}
        except ValidationError:
            raise ValidationError(
                "Choose credentials of this workspace that have not been revoked."
            ) from None
        grants, taken = [], set()
        for pk, variable in rows:
            credential = found.get(pk.lower())
            if credential is None:
                raise ValidationError(f"Choose the credential that {variable} is to hold.")
            _check(variable, f"Say which variable holds {credential}.")
            if variable in taken:
                raise ValidationError(f"{variable} is there twice.")
            taken.add(variable)
            grants.append((credential, variable))
        return grants


class _SecretsInputs(PlainOrPosted):
    def read(self, data: Any) -> Any:
        removed = set(posted_list(data, "secret-remove"))
        rows = zip(
            posted_list(data, "secret-variable"), posted_list(data, "secret-value"), strict=False
        )
        return [
            {"variable": variable, "value": value}
            for variable, value in rows
            if variable not in removed
        ]


class SecretsField(forms.Field):
    """Secret values by their variable, None where the stored one is kept.

    Plain data is a dict of the same, or a list of {"variable", "value"}.
    """

    widget = _SecretsInputs

    def to_python(self, value: Any) -> dict[str, str | None]:
        if isinstance(value, dict):
            value = [{"variable": name, "value": secret} for name, secret in value.items()]
        found: dict[str, str | None] = {}
        for row in _entries(value or [], {"variable", "value"}):
            variable, secret = _text(row.get("variable") or "").strip(), row.get("value")
            if not variable and not secret:
                continue
            _check(variable, "Say which variable holds the secret value.")
            if variable in found:
                raise ValidationError(f"{variable} is there twice.")
            if secret is not None and len(_text(secret)) > MAX_SECRET:
                raise ValidationError(f"A secret value has at most {MAX_SECRET:,} characters.")
            found[variable] = _text(secret) if secret else None
        if len(found) > MAX_VARIABLES:
            raise ValidationError(f"At most {MAX_VARIABLES} secret values.")
        return found


class PromptTextField(forms.Field):
    """Which text of which prompt: "label:<id>", the label's version at a task's start, or
    "version:<id>", always that one."""

    widget = forms.Select
    KINDS = {"label": PromptLabel, "version": PromptVersion}

    def to_python(self, value: Any) -> PromptLabel | PromptVersion | None:
        if not value:
            return None
        kind, _colon, pk = _text(value).partition(":")
        model: Any = self.KINDS.get(kind)
        if model is not None:
            field = forms.ModelChoiceField(model.objects.select_related("prompt"))
            try:
                found: PromptLabel | PromptVersion = field.clean(pk)
                return found
            except ValidationError:
                pass
        raise ValidationError("Choose a prompt of this workspace, by a label or a version.")


class SchemaField(forms.CharField):
    """A JSON Schema of an object, posted as its text or sent as a dict; None for none."""

    def to_python(self, value: Any) -> Any:
        if value in (None, "", {}):
            return None
        text = value if isinstance(value, str) else json.dumps(value)
        if not text.strip():
            return None
        if len(text) > MAX_SCHEMA:
            raise ValidationError(f"A schema has at most {MAX_SCHEMA:,} characters.")
        try:
            schema = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"This is no JSON: {error}.") from None
        _check_schema(schema)
        return schema

    def prepare_value(self, value: Any) -> Any:
        return schema_text(value) if isinstance(value, dict) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return True


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _check_schema(schema: Any) -> None:
    """Raise ValidationError for what is no JSON Schema of an object."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise ValidationError('A schema is a JSON object with "type": "object".')
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
        validator_for(schema, default=Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        place = "/".join(map(str, error.absolute_path)) or "the schema itself"
        raise ValidationError(f"This is no JSON Schema: at {place}.") from None
    except (ValueError, RecursionError):
        raise ValidationError("It goes deeper, or has a larger number, than is taken.") from None
    if "\\u0000" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError("Null characters are not allowed.")


def _entries(value: Any, keys: set[str]) -> list[dict[str, Any]]:
    """Return a list of dicts with no other keys, or raise ValidationError."""
    good = isinstance(value, list) and all(
        isinstance(one, dict) and set(one) <= keys for one in value
    )
    if not good:
        raise ValidationError(f"A list of entries is expected, with {', '.join(sorted(keys))}.")
    return list(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError("Text is expected.")
    if "\0" in value or (not value.isprintable() and any("\ud800" <= c <= "\udfff" for c in value)):
        raise ValidationError("Null characters are not allowed.")
    return value


def _check(variable: str, missing: str) -> None:
    try:
        if not variable:
            raise ValueError(missing)
        check_variable(variable)
    except ValueError as error:
        raise ValidationError(str(error)) from None
