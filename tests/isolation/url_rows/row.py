"""What the table of addresses says of one address."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

MEMBERS = ["owner", "admin", "operator", "viewer", "auditor"]
READERS = {"owner", "admin", "operator", "viewer"}
EDITORS = {"owner", "admin", "operator"}
MANAGERS = {"owner", "admin"}

Things = dict[str, UUID]  # kind -> id, all of one workspace


@dataclass(frozen=True)
class Row:
    """A page of a workspace. `get` and `post` are the answers to those in `may`; others get 403,
    or 404 outside the workspace. `takes` is the kinds of things that the address names, in its
    order: "agent" for `<uuid:agent_id>`. `sent` is what is posted, or makes it of acme's things.
    `args` are what the address names beside things, after them. `unaudited` says why a post that
    succeeds leaves nothing on the audit trail: it changes nothing and shows nothing new. `sees` is
    to whom among `may` the things are there at all, if not to all: somebody else's, for example."""

    name: str
    may: set[str]
    get: int = 405
    post: int = 405
    takes: str | tuple[str, ...] = ()
    sent: dict[str, Any] | Callable[[Things], dict[str, Any]] = field(default_factory=dict)
    args: tuple[Any, ...] = ()
    unaudited: str = ""
    sees: set[str] | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def kinds(self) -> tuple[str, ...]:
        return (self.takes,) if isinstance(self.takes, str) else self.takes
