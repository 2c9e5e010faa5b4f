"""Containers of agents that have nothing to do at the moment, ready for their next task.

Kept per process, each by its agent, and given back to that agent alone, as long as all that it was
made of is the same. One that nobody asked for in a while is removed.
"""

import atexit
import threading
from typing import Any
from uuid import UUID

from django.conf import settings

from agenhood.runtime.sandbox.docker_engine.container import Container

_guard = threading.Lock()
_kept: dict[UUID, tuple[Container, threading.Timer]] = {}


def take(agent_id: UUID, wanted: dict[str, Any]) -> Container | None:
    """Return the agent's container if there is one like this, which is the caller's then."""
    with _guard:
        container, timer = _kept.pop(agent_id, (None, None))
    if container is None or timer is None:
        return None
    timer.cancel()
    if container.wanted == wanted and container.is_waiting():
        return container
    container.remove()
    return None


def keep(agent_id: UUID, container: Container) -> None:
    """Take a container over until its agent's next task, or until it is removed."""
    seconds = settings.AGENHOOD_DOCKER_IDLE_SECONDS
    with _guard:
        is_first = seconds > 0 and agent_id not in _kept
        if is_first:
            timer = threading.Timer(seconds, _expire, (agent_id, container))
            timer.daemon = True
            _kept[agent_id] = (container, timer)
            timer.start()
    if not is_first:
        container.remove()


def _expire(agent_id: UUID, container: Container) -> None:
    with _guard:
        if _kept.get(agent_id, (None, None))[0] is not container:
            return
        del _kept[agent_id]
    container.remove()


@atexit.register
def close() -> None:
    """Remove all that are kept."""
    with _guard:
        left = list(_kept.values())
        _kept.clear()
    for container, timer in left:
        timer.cancel()
        container.remove()
