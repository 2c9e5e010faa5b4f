"""How far a running task is from the limits of its agent."""

from datetime import timedelta

from django.utils import timezone

from agenhood.fleet.models import Task
from workspaces.meters import Meter, meter


def meters_of(task: Task) -> list[Meter]:
    """Return the meters of a task with its agent; none if that has been configured anew since, for
    the task goes on under the limits that it was started with."""
    agent = task.agent
    if task.agent_revision != agent.revision:
        return []
    tokens = task.input_tokens + task.output_tokens
    found = [
        meter("Tokens", tokens, agent.max_tokens, f"{tokens:,} of {agent.max_tokens:,} tokens")
    ]
    if task.started_at:
        ran = (timezone.now() - task.started_at) // timedelta(seconds=1)
        words = f"{_duration(ran)} of {_duration(agent.wall_seconds)}"
        found.append(meter("Time", ran, agent.wall_seconds, words))
    return found


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{max(seconds, 0)} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min" if hours < 2 else f"{hours} h {minutes % 60} min"
