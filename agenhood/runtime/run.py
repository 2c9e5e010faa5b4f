"""What a driver is given to run a task with, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from agenhood.fleet.models import Event, Task
from agenhood.runtime.sandbox import Sandbox


class StopReason(StrEnum):
    """Why a run is to end before its own end."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"  # the workspace or the person may no longer have it done
    WORKER_ENDS = "worker_ends"  # another run goes on
    LOST = "lost"  # another attempt has the task: nothing of this one is written any more


class Stop(Protocol):
    """Asked by whatever takes long, twice a second at least. Safe from any thread."""

    @property
    def reason(self) -> StopReason | None:
        """Why to end, or None. Once there is a reason, it stays."""

    @property
    def is_forced(self) -> bool:
        """Whether to kill at once what has not ended by itself."""

    def wait(self, seconds: float) -> bool:
        """Wait until there is a reason, or so long; return whether there is one."""


class Recorder(Protocol):
    """Takes what happens in a run; stores it in small batches, scrubbed. Safe from any thread."""

    def event(self, kind: Event.Kind, text: str = "", **data: Any) -> None:
        """Note one step. Returns before it is stored."""

    def output(self, stream: str, text: str) -> None:
        """Note a piece of a stream, such as "stdout". Pieces that come close together are one
        event; a secret that is split over them is found nevertheless."""

    def usage(self, model: str, *, input_tokens: int, output_tokens: int, cost_micros: int) -> None:
        """Add what a request to a model took to the task's totals."""

    def cut(self, text: str, at: int) -> tuple[str, str]:
        """Return what stands before and after a place in a text, both without the secret that the
        place is in. Whoever shortens a text that is stored, cuts it so. To find a secret of which
        only a part is there, `scrub.PIECE` characters beyond the place are enough."""

    def flush(self) -> None:
        """Return when everything noted so far is stored."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a model is called. `kind` is "anthropic" or "openai" (whatever speaks as it does)."""

    kind: str
    base_url: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one task, as the agent had them when it began."""

    wall_seconds: int
    max_iterations: int
    max_tokens: int
    max_cost_cents: int
    memory_mb: int
    max_processes: int
    disk_mb: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a member answered about a tool call. `note` is what the model is told of a denial."""

    call: str
    is_allowed: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a task, in nobody's scope: a driver touches no database.

    `instructions` is the prompt's text with its variables filled in. `tools` maps a tool's name to
    whether it asks first. `prices` are {model: (input, output)} in millionths of a US dollar for a
    million tokens. `memory` are the messages of the conversation before this task, `messages` those
    of this one before it waited, both in the driver's own form; `decisions` are the answers that it
    waited for.
    """

    task_id: UUID
    input: str
    instructions: str
    command: str
    model: str
    provider: Provider | None
    tools: Mapping[str, bool]
    limits: Limits
    output_schema: Mapping[str, Any] | None
    prices: Mapping[str, tuple[int, int]]
    memory: Sequence[Any]
    messages: Sequence[Any]
    decisions: Sequence[Decision]
    sandbox: Sandbox
    record: Recorder
    stop: Stop


@dataclass(frozen=True, slots=True)
class AskFirst:
    """A tool call that a member must allow before it is made."""

    call: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. With the state WAITING it is for the answers to `asks`, and goes on later.

    `reason` says why it failed, for people. `can_retry` is set where another attempt may fare
    better: the provider was not reachable, say. `messages` are stored for what comes after.
    """

    state: Task.State
    output: str = ""
    reason: str = ""
    can_retry: bool = False
    messages: Sequence[Any] = ()
    asks: Sequence[AskFirst] = ()
