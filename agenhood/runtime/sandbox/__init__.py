"""Where agents' programs run: apart from each other, from the host and from the network."""

from agenhood.runtime.sandbox.engine import (
    Engine,
    Finished,
    Sandbox,
    SandboxError,
    SandboxLimits,
    SandboxSpec,
    SandboxUnavailable,
    engine,
)

__all__ = [
    "Engine",
    "Finished",
    "Sandbox",
    "SandboxError",
    "SandboxLimits",
    "SandboxSpec",
    "SandboxUnavailable",
    "engine",
]
