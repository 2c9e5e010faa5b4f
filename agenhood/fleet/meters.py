"""How far a running task is from the limits of its agent."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from agenhood.fleet.models import Task

CLOSE = 80  # percent, from which a meter warns


@dataclass(frozen=True, slots=True)
class Meter:
    """`value` of `limit`, in words and as a number of percent."""

    label: str
    words: str
    percent: int

    @property
    def is_close(self) -> bool:
        return self.percent >= CLOSE


def meters_of(task: Task) -> list[Meter]:
    """Return the meters of a task with its agent; none if that has been configured anew since, for
    the task goes on under the limits that it was started with."""
    agent = task.agent
    if task.agent_revision != agent.revision:
        return []
    tokens = task.input_tokens + task.output_tokens
    found = [
        _meter("Tokens", tokens, agent.max_tokens, f"{tokens:,} of {agent.max_tokens:,} tokens")
    ]
    if task.started_at:
        ran = (timezone.now() - task.started_at) // timedelta(seconds=1)
        words = f"{_duration(ran)} of {_duration(agent.wall_seconds)}"
        found.append(_meter("Time", ran, agent.wall_seconds, words))
    return found


def _meter(label: str, value: int, limit: int, words: str) -> Meter:
    return Meter(label, words, max(0, min(100, value * 100 // limit)))


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{max(seconds, 0)} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min" if hours < 2 else f"{hours} h {minutes % 60} min"
