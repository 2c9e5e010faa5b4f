"""What an egress proxy tells of each connection, and how much it lets through."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of an agent, told when it has ended.

    `host` and `port` are as they were asked for, "" and 0 where that was not understood. `reason`
    says in words why it was refused or broken off, "" if neither. `sent` and `received` are bytes,
    seen from the agent.
    """

    host: str
    port: int
    allowed: bool
    reason: str = ""
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one proxy. `connections` is at once, `connections_in_all` how many are ever answered;
    `total_bytes` counts both directions of all connections, None is without an end."""

    connections: int = 32
    connections_in_all: int = 10_000
    head_bytes: int = 32_768
    head_seconds: float = 15
    connect_seconds: float = 15
    idle_seconds: float = 120
    total_bytes: int | None = None
