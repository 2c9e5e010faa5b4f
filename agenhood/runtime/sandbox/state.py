"""Whether this machine can have sandboxes, as its workers found when they began.

They leave it in a file beside the agents' directories, for the web process to read.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from django import template
from django.conf import settings

from agenhood.runtime.sandbox.engine import SandboxUnavailable, engine

register = template.Library()


@dataclass(frozen=True, slots=True)
class State:
    """`why` is for people: what is missing and what helps; "" where nothing is."""

    engine: str
    is_available: bool
    why: str
    probed_at: str  # ISO 8601


def probe() -> State:
    """Start a sandbox and see that it is one; note it, and return how that went."""
    why = ""
    try:
        engine().probe()
    except SandboxUnavailable as error:
        why = str(error)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    state = State(settings.AGENHOOD_SANDBOX, not why, why, now)
    file = _file()
    file.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(asdict(state)))
    new.replace(file)
    return state


@register.simple_tag(name="sandbox_state")
def state() -> State | None:
    """Return what a worker of this machine found last; None if there was none yet."""
    try:
        return State(**json.loads(_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _file() -> Path:
    return Path(settings.AGENHOOD_AGENTS) / "sandbox.json"
