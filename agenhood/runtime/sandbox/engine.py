"""What every engine offers. Which one there is, a setting says: AGENHOOD_SANDBOX."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from django.conf import settings


class SandboxUnavailable(Exception):
    """No sandbox can be started on this machine; the message says why and what helps.

    There is no other way to run an agent's programs then.
    """


class SandboxError(Exception):
    """This sandbox could not be started, or broke; the message is for people."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Of everything that runs in a sandbox at once. `wall_seconds` is for one program."""

    memory_mb: int
    max_processes: int
    disk_mb: int
    wall_seconds: int


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """Whose sandbox it is and what it may. `environment` reaches programs by file descriptor and
    never stands in an argument. `proxy` is the unix socket of the agent's egress proxy, if it has
    a network at all; programs find it behind HTTP_PROXY and HTTPS_PROXY."""

    workspace_id: UUID
    agent_id: UUID
    limits: SandboxLimits
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: Path | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended. `killed_for` says in a word why it was killed, "" if it was not:
    "time", "memory", "disk", "output", "asked"."""

    exit_code: int
    killed_for: str = ""


class Sandbox(Protocol):
    """An agent's own place, for one run of a task."""

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        wall_seconds: float | None = None,
        on_output: Callable[[str, bytes], None],
        should_end: Callable[[], bool],
        should_kill: Callable[[], bool],
        most_output: int = 10_000_000,
    ) -> Finished:
        """Run a program in the agent's directory until it ends; what it started ends with it.

        `on_output` is called with "stdout" or "stderr" and a piece, in this thread. The two
        questions are asked five times a second: `should_end` has it told to end (SIGTERM),
        `should_kill` has everything killed. More than `most_output` bytes have it killed, too.
        Raises SandboxError.
        """

    def close(self) -> None:
        """Kill what is left and give back what it took. The agent's directory stays."""


class Engine(Protocol):
    name: str

    def probe(self) -> None:
        """Start a sandbox and see that it is one. Raises SandboxUnavailable."""

    def open(self, spec: SandboxSpec) -> Sandbox:
        """Return a sandbox that is ready to run programs. Raises SandboxError."""


def check(spec: SandboxSpec) -> None:
    """Raise SandboxError for what no engine can give to a program."""
    for name, value in spec.environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise SandboxError(f"The environment variable {name!r} cannot be given to a program.")
    if spec.proxy and not Path(spec.proxy).exists():
        raise SandboxError("The agent's network is not there.")


def check_command(command: Sequence[str]) -> None:
    """Raise SandboxError for a command that no program can be started with."""
    if any("\0" in word for word in command):
        raise SandboxError("The command has a NUL character.")


def engine() -> Engine:
    """Return the engine of this machine. Raises SandboxUnavailable."""
    if settings.AGENHOOD_SANDBOX == "docker":
        from agenhood.runtime.sandbox.docker_engine import DockerEngine

        return DockerEngine()
    from agenhood.runtime.sandbox.bubblewrap import Bubblewrap

    return Bubblewrap()
