"""What people do in an agent's directory: putting files there, taking them away. Recorded."""

from collections.abc import Iterable

from agenhood.fleet import agent_files
from agenhood.fleet.agent_files import FileRefused
from agenhood.fleet.models import Agent, Task
from workspaces.audit import record


def upload(agent: Agent, path: str, chunks: Iterable[bytes]) -> None:
    """Write a file, over one of that name. Raises FileRefused."""
    size = agent_files.store(agent, path, chunks)
    record("agent_files.upload", agent, changes={"path": (None, path), "size": (None, size)})


def delete(agent: Agent, path: str) -> None:
    """Remove a file, or a folder with all that is in it; "" is all of the directory.

    Raises FileRefused, for all of it also while a task of the agent works in it.
    """
    if not path and Task.objects.filter(agent=agent, state=Task.State.RUNNING).exists():
        raise FileRefused("A task works in it now. Wait for its end, or cancel it first.")
    agent_files.remove(agent, path)
    verb = "delete" if path else "clean"
    record(f"agent_files.{verb}", agent, changes={"path": (path or "/", None)})
