"""What each kind of credential asks for: its secret, and what is kept beside it in the open."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from agenhood.fleet.forms.secret_inputs import (
    LONGEST_FILE,
    PrivateKeyField,
    SecretField,
    SecretFileField,
    SecretLines,
    one_line,
)
from agenhood.fleet.models import Credential

Kind = Credential.Kind
PLAIN = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}

TOKEN, SSH_KEY = "token", "ssh_key"
WAYS = [(TOKEN, "Token or password"), (SSH_KEY, "SSH private key")]

validate_host = RegexValidator(
    r"^(?=.{1,253}(:|\Z))[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    r"(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*(:[0-9]{1,5})?\Z",
    "Enter a host name, such as github.com, with a port if need be.",
    flags=re.IGNORECASE,
)
# Short names of hosts too: a model server often runs beside the console. No user, password or
# query: a key that stood there would be shown to everybody.
validate_base_url = RegexValidator(
    r"^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[a-z0-9._~/%-]*)?\Z",
    "Enter an address such as https://models.example.com/v1, without user, password or query.",
    flags=re.IGNORECASE,
)
validate_file_name = RegexValidator(
    r"^(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z",
    "Use letters, digits, dots, hyphens and underscores: it names a file in the sandbox.",
)


def _base_url() -> forms.Field:
    return forms.CharField(
        label="Base URL",
        max_length=200,
        validators=[validate_base_url],
        widget=forms.URLInput(attrs=PLAIN | {"placeholder": "https://models.example.com/v1"}),
        help_text="Where the provider's API begins, usually with /v1 at its end.",
    )


def _text(label: str, *, longest: int = 100, **kwargs: Any) -> forms.Field:
    return forms.CharField(
        label=label, max_length=longest, widget=forms.TextInput(attrs=PLAIN), **kwargs
    )


def _key(label: str, **kwargs: Any) -> forms.Field:
    return SecretField(label=label, max_length=8192, validators=[one_line], **kwargs)


def _one_of_two(field: forms.Field) -> forms.Field:
    """Not optional, but whether this one has to be there only the form knows, and no browser."""
    field.widget.use_required_attribute = lambda _initial: False
    return field


@dataclass(frozen=True)
class Asks:
    """`open` is what stands beside the secret, shown on pages; `secret` what is sealed."""

    what: str
    open: Mapping[str, Callable[[], forms.Field]] = field(default_factory=dict)
    secret: Mapping[str, Callable[[], forms.Field]] = field(default_factory=dict)
    # Chosen once: what is sealed goes by it.
    fixed: tuple[str, ...] = ()
    may_be_empty: bool = False


KINDS: dict[str, Asks] = {
    Kind.ANTHROPIC: Asks(
        "An API key for Claude models",
        secret={"key": lambda: _key("API key", help_text="It begins with sk-ant-.")},
    ),
    Kind.OPENAI: Asks(
        "Any server that speaks OpenAI's API, one of your own included",
        open={"base_url": _base_url},
        secret={
            "key": lambda: _key(
                "API key", required=False, help_text="A server of your own may need none."
            )
        },
        may_be_empty=True,
    ),
    Kind.GIT: Asks(
        "A token or an SSH key for repositories",
        open={
            "host": lambda: _text("Host", longest=260, validators=[validate_host]),
            "user": lambda: _text("User", help_text="“git” for most servers and SSH keys."),
            "auth": lambda: forms.ChoiceField(
                label="Signs in by",
                label_suffix="",
                choices=WAYS,
                widget=forms.RadioSelect,
                initial=TOKEN,
            ),
        },
        secret={
            "token": lambda: _one_of_two(_key("Token", help_text="Or the password.")),
            "private_key": lambda: _one_of_two(
                PrivateKeyField(
                    label="SSH private key",
                    max_length=16_384,
                    strip=False,
                    help_text="The whole file, from -----BEGIN to END-----, without a passphrase.",
                )
            ),
        },
        fixed=("auth",),
    ),
    Kind.TOKEN: Asks(
        "A secret of one line for any other service", secret={"token": lambda: _key("Token")}
    ),
    Kind.PASSWORD: Asks(
        "A name and a password",
        open={"user": lambda: _text("User", longest=200)},
        secret={"password": lambda: SecretField(label="Password", max_length=1024, strip=False)},
    ),
    Kind.FILE: Asks(
        "A small file, such as a certificate or a kubeconfig",
        open={
            "file_name": lambda: _text(
                "File name",
                required=False,
                validators=[validate_file_name],
                help_text="What the sandbox calls it. Left empty: the upload's own name.",
            )
        },
        secret={
            "upload": lambda: _one_of_two(
                SecretFileField(label="File", help_text="64 KiB at most.")
            ),
            "content": lambda: _one_of_two(
                SecretLines(label="Or its content", strip=False, max_length=LONGEST_FILE)
            ),
        },
    ),
}
