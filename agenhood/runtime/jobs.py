"""The worker's jobs: running tasks, and finding what lost its job. Schedules have their own."""

import logging
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from django.db import connection

from agenhood.fleet import queue
from agenhood.fleet.actions import history
from agenhood.fleet.actions.history import AttemptLost
from agenhood.fleet.agent_files import Place, PlaceUnusable
from agenhood.fleet.agent_files.place import keeper
from agenhood.fleet.models import Agent, Event, Task
from agenhood.fleet.permissions import FleetPermission
from agenhood.runtime import egress, sandbox
from agenhood.runtime.artifacts import OutFolder, collecting
from agenhood.runtime.drivers import command, llm
from agenhood.runtime.patience import patiently
from agenhood.runtime.preparing import CannotRun, Prepared, prepare
from agenhood.runtime.recorder import EventRecorder
from agenhood.runtime.run import Outcome, Run, StopReason
from agenhood.runtime.sandbox import (
    SandboxError,
    SandboxLimits,
    SandboxSpec,
    SandboxUnavailable,
    state,
)
from agenhood.runtime.schedules import find_lost_schedules
from agenhood.runtime.scrub import Scrubber
from agenhood.runtime.settling import refused as refused_words
from agenhood.runtime.settling import settle
from agenhood.runtime.stopping import Stopping
from workspaces.jobs import (
    Job,
    JobRefused,
    at_worker_start,
    each_workspace,
    periodic_job,
    refusal,
    unfinished,
    workspace_job,
)
from workspaces.scope import workspace_scope

log = logging.getLogger("agenhood.runtime")

# A task counts its attempts itself (Agent.max_attempts): a job's count has other starts, too.
STARTS = 1000
UNEXPECTED = "It ended for a reason that nobody foresaw: the worker's log names it."


@workspace_job(queue.JOB, permission=FleetPermission.TASK_RUN, attempts=STARTS, queue=queue.QUEUE)
def run_task(job: Job, task_id: UUID) -> None:
    with job.scope():
        task = queue.claim(task_id, job=job.number, worker=f"{socket.gethostname()}:{os.getpid()}")
    if task is None:
        return
    try:
        with job.scope():
            prepared = prepare(task)
        _run(job, task, prepared)
    except CannotRun as lacks:
        _store(job, task, Outcome(Task.State.FAILED, reason=str(lacks)))
    except AttemptLost:
        log.info("%s [%s]: another attempt has the task", job.name, job.number)
    except JobRefused:
        raise
    except Exception as error:
        # Its task ends all the same. The kind only: words may be a workspace's content.
        log.warning("%s [%s]: %s", job.name, job.number, type(error).__name__)
        _store(job, task, Outcome(Task.State.FAILED, reason=UNEXPECTED))


@run_task.at_end
def end_refused(job: Job, refused: bool, task_id: UUID) -> Task | None:
    """End what may not be run any more. What a suspended workspace has queued waits for it."""
    task: Task | None = (
        Task.objects.select_for_update(of=["self"], no_key=True).filter(pk=task_id).first()
    )
    if task is None or task.job != job.number or task.state not in Task.UNFINISHED:
        return task
    if task.state == Task.State.QUEUED and queue.this_workspace().is_suspended:
        Task.objects.filter(pk=task.pk).update(job=None)
    else:
        why = refusal(job)
        reason = refused_words(why) if why else UNEXPECTED
        settle(task, Outcome(Task.State.FAILED, reason=reason), None, None)
    return task


def _run(job: Job, task: Task, prepared: Prepared) -> None:
    """Run one attempt at a task, in nobody's scope, and store how it ended."""
    connection.close()  # nobody holds one while a program works
    stop = Stopping(wall_seconds=prepared.limits.wall_seconds, worker_ends=job.worker_ends)
    scrubber = Scrubber(prepared.secrets)
    with EventRecorder(job, task, scrubber=scrubber, stop=stop) as record, ExitStack() as opened:
        try:
            outcome = _drive(task, prepared, record, stop, opened)
        except (SandboxUnavailable, SandboxError, PlaceUnusable) as error:
            outcome = Outcome(Task.State.FAILED, reason=str(error))
        except AttemptLost:
            raise
        except Exception as error:
            # Its task ends all the same, with what was recorded until now.
            log.warning("%s [%s]: %s", job.name, job.number, type(error).__name__)
            outcome = Outcome(Task.State.FAILED, reason=UNEXPECTED)
    if stop.reason == StopReason.LOST:
        raise AttemptLost
    _store(job, task, outcome, stop, scrubber)
    if stop.reason == StopReason.REFUSED:
        raise JobRefused(stop.words)


def _drive(
    task: Task, prepared: Prepared, record: EventRecorder, stop: Stopping, opened: ExitStack
) -> Outcome:
    agent, limits = prepared.agent, prepared.limits
    directory = opened.enter_context(Place.of(agent).use())
    spec = SandboxSpec(
        workspace_id=task.workspace_id,
        agent_id=agent.pk,
        limits=SandboxLimits(
            memory_mb=limits.memory_mb,
            max_processes=limits.max_processes,
            disk_mb=limits.disk_mb,
            wall_seconds=limits.wall_seconds,
        ),
        environment=prepared.environment,
        proxy=_proxy(agent, directory.uid, record, opened),
    )
    place = sandbox.engine().open(spec)
    opened.callback(place.close)
    folder = OutFolder(agent, task, secrets=prepared.secrets)
    run = Run(
        task_id=task.pk,
        input=task.input,
        instructions=prepared.instructions,
        command=agent.command,
        model=agent.model,
        provider=prepared.provider,
        tools={tool["name"]: tool["ask_first"] for tool in agent.tools},
        limits=limits,
        output_schema=agent.output_schema,
        prices=prepared.prices,
        memory=prepared.memory,
        messages=prepared.messages,
        decisions=prepared.decisions,
        sandbox=place,
        record=record,
        stop=stop,
    )
    with collecting(folder, record, stop):
        return _driver(agent)(run)


def _driver(agent: Agent) -> Callable[[Run], Outcome]:
    if agent.driver == Agent.Driver.COMMAND:
        return command.run
    return llm.run


def _proxy(agent: Agent, uid: int, record: EventRecorder, opened: ExitStack) -> Path | None:
    """Open the way of the agent, whose programs are this user's, to the hosts that it may reach;
    None without a network."""
    if not agent.network_allowed:
        return None
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="agenhood-egress-")))

    def note(found: egress.Connection) -> None:
        word = "allowed" if found.allowed else "refused"
        record.event(
            Event.Kind.OUTPUT,
            f"{found.host}:{found.port} {word} {found.reason}".rstrip() + "\n",
            stream="network",
            host=found.host,
            port=found.port,
            allowed=found.allowed,
        )

    return opened.enter_context(egress.proxy(folder, agent.network_hosts, note, {}, uid=uid))


def _store(
    job: Job,
    task: Task,
    outcome: Outcome,
    stop: Stopping | None = None,
    scrubber: Scrubber | None = None,
) -> None:
    """Store how a run ended, again if the database does not answer. Raises AttemptLost."""

    def write(_is_repeated: bool) -> None:
        with workspace_scope(job.workspace_id, user_id=job.actor_id):
            history.held_by(task, task.attempt)
            settle(task, outcome, stop, scrubber)

    patiently(write, f"task {task.pk}")


@periodic_job("task.sweep", cron="* * * * *")
def sweep_tasks() -> None:
    each_workspace("find tasks whose job is gone", find_lost)


def find_lost() -> None:
    """Give the active workspace's tasks new jobs whose own are gone, and begin what may."""
    with_job = Task.objects.filter(
        state__in=[Task.State.QUEUED, Task.State.RUNNING], job__isnull=False
    )
    jobs = dict(with_job.values_list("pk", "job"))
    alive = unfinished(jobs.values())
    for task_id, number in jobs.items():
        if number in alive:
            continue
        locked = with_job.select_for_update(skip_locked=True, no_key=True)
        task = locked.filter(pk=task_id, job=number).first()
        if task is None:
            continue
        log.warning("task %s: job %s is gone", task.pk, number)
        if task.state == Task.State.RUNNING:
            queue.queue_run(task)
        else:
            Task.objects.filter(pk=task.pk).update(job=None)
    find_lost_schedules()
    if Task.objects.filter(state=Task.State.QUEUED, job=None).exists():
        queue.wake()


@at_worker_start
def probe_sandbox() -> None:
    """Find out whether this machine can run agents' programs, for the log and the web process."""
    found = state.probe()
    if found.is_available:
        keeper.begin()
        log.info("Tasks run in the sandbox %s", found.engine)
    else:
        log.error("No task can be run here: %s", found.why)
