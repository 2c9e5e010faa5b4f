"""How far a running task is from the limits of its agent."""

from datetime import timedelta

from django.utils import timezone

from agenhood.fleet.models import Agent, Task
from agenhood.fleet.money import cost
from workspaces.meters import Meter, meter


def meters_of(task: Task) -> list[Meter]:
    """Return the meters of a task with its agent; none if that has been configured anew since, for
    the task goes on under the limits that it was started with."""
    agent = task.agent
    if task.agent_revision != agent.revision:
        return []
    found = []
    if agent.driver == Agent.Driver.LLM:
        tokens = task.input_tokens + task.output_tokens
        words = f"{tokens:,} of {agent.max_tokens:,} tokens"
        found.append(meter("Tokens", tokens, agent.max_tokens, words))
    if task.cost_micros:
        most = agent.max_cost_cents * 10_000
        words = f"{cost(task.cost_micros)} of {cost(most)}"
        found.append(meter("Spend", task.cost_micros, most, words))
    if task.started_at:
        ran = (timezone.now() - task.started_at) // timedelta(seconds=1)
        words = f"{_duration(ran)} of {_duration(agent.wall_seconds)}"
        found.append(meter("Time", ran, agent.wall_seconds, words))
    return found


def disk_meter(used: int, agent: Agent) -> Meter:
    """Return the meter of an agent's directory, which takes `used` bytes."""
    mb = -(-used // 2**20)
    return meter("Disk", mb, agent.disk_mb, f"{mb:,} of {agent.disk_mb:,} MB")


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{max(seconds, 0)} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min" if hours < 2 else f"{hours} h {minutes % 60} min"
