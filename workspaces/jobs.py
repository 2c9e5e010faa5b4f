"""Work after the request: jobs, each for one workspace, on the same PostgreSQL.

    @workspace_job("export.write", permission=WorkspacePermission.EXPORT_OWN)
    def write_export(job: Job, export_id: UUID) -> None:
        with job.scope():
            ...

    write_export.defer(export_id=export.pk)  # inside the workspace's scope

A job is queued in the transaction of the row that it is about: no row, no job. It is handed ids
only, which workspace and on whose behalf included. Nothing of a workspace is in reach until it
enters `job.scope()`, which asks each time whether the workspace and the person still may.

A job may run more than once: when its worker is killed, it is started anew. `job.attempt` tells
which run it is, for rows to compare with.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model
from procrastinate import JobContext, exceptions, tasks
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job as QueuedJob
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from workspaces.audit import record
from workspaces.models import Membership, Workspace
from workspaces.scope import current_scope, platform_scope, workspace_scope

log = logging.getLogger("workspaces.jobs")

LONG_JOBS = "tasks"  # the queue of those that take long: workers have a pool of its own for it
ATTEMPTS = 3
RETRY_AFTER_SECONDS = (2, 10, 30)
STALLED_AFTER_SECONDS = 30  # without a sign of life from its worker
KEEP_FAILED_HOURS = 14 * 24
# One workspace's many jobs wait behind another's few, as far down as this.
LOWEST_PRIORITY = -100
RESCUE_PRIORITY = 100


class JobRefused(exceptions.JobAborted):
    """The workspace or the person may no longer have this done; the message says which."""


class GaveUp(exceptions.JobAborted):
    """Every attempt ended with the death of its worker."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a job, for a workspace and on behalf of a person, if any."""

    name: str
    number: int
    workspace_id: UUID
    actor_id: UUID | None
    attempt: int  # from 1
    permission: StrEnum | None
    should_stop: Callable[[], bool]  # whether the worker is asked to end
    # The same, as soon as it is asked: while a job of a few seconds may still come to its end.
    worker_ends: Callable[[], bool]

    def scope(self) -> "JobScope":
        """Return a context manager that enters the workspace.

        Entering raises JobRefused when the workspace is gone or suspended, or when the person is
        no active member with the job's permission any more, and JobAborted when the worker is
        asked to end: the job will go on in another run.
        """
        return JobScope(self)


class JobScope(workspace_scope):
    membership: Membership | None = None

    def __init__(self, job: Job) -> None:
        super().__init__(job.workspace_id, user_id=job.actor_id)
        self.job = job

    def _enter(self) -> None:
        if self.job.should_stop():
            raise exceptions.JobAborted
        super()._enter()
        try:
            self.membership = standing(self.job)
        except BaseException as error:
            self._exit(type(error), error, error.__traceback__)
            raise


def standing(job: Job) -> Membership | None:
    """Return the actor's membership, None where there is no actor. Raises JobRefused."""
    if job.actor_id is None:
        workspace = Workspace.objects.filter(pk=job.workspace_id).first()
        membership = None
    else:
        membership = (
            Membership.objects.select_related("workspace", "user")
            .filter(user_id=job.actor_id, user__is_active=True)
            .first()
        )
        if membership is None:
            raise JobRefused("the person is no active member of the workspace")
        workspace = membership.workspace
        if workspace.requires_second_factor and not membership.user.has_second_factor:
            raise JobRefused("the person lacks the second factor that the workspace requires")
    if workspace is None:
        raise JobRefused("the workspace is gone")
    if workspace.is_suspended:
        raise JobRefused("the workspace is suspended")
    if membership and job.permission and not membership.may(job.permission):
        raise JobRefused(f"the person's role does not hold {job.permission} any more")
    return membership


Work = Callable[..., None]  # (job, **ids)
AtEnd = Callable[..., Model | None]  # (job, refused, **ids)


def refusal(job: Job) -> str:
    """Return why the job may not be done now, in words, "" if it may; inside its workspace."""
    try:
        standing(job)
    except JobRefused as refused:
        return str(refused)
    return ""


class WorkspaceJob:
    """What `workspace_job` makes of a function: it is not called, it is deferred."""

    def __init__(
        self, name: str, work: Work, *, permission: StrEnum | None, attempts: int, queue: str
    ) -> None:
        self.name, self.work, self.permission = name, work, permission
        self.attempts, self.queue = attempts, queue
        self._at_end: AtEnd | None = None
        app.task(name=name, queue=queue, pass_context=True, retry=_Retries(attempts))(self._run)

    def at_end(self, function: AtEnd) -> AtEnd:
        """Register what is done, inside the workspace, once the job is refused or given up.

        It may return the row that the job was about, for the audit trail to name.
        """
        self._at_end = function
        return function

    def defer(self, **ids: UUID | int) -> int:
        """Queue the job in the scope's transaction; return its number.

        Raises NoActiveWorkspace outside a workspace's scope, and TypeError for an argument that is
        no id, or when a person's permission is to be asked and the scope is nobody's.
        """
        actor_id = current_scope(connections[DEFAULT_DB_ALIAS]).user_id
        if self.permission is not None and actor_id is None:
            raise TypeError(f"{self.name} is done on behalf of a person: enter the scope as one")
        return queue_job(self.name, ids, queue=self.queue, actor_id=actor_id)

    def _run(
        self, context: JobContext, /, workspace_id: str, actor_id: str | None, **ids: Any
    ) -> None:
        ending: Event = context.additional_context.get("ending") or Event()
        job = Job(
            name=self.name,
            number=context.job.id or 0,
            workspace_id=UUID(workspace_id),
            actor_id=UUID(actor_id) if actor_id else None,
            attempt=context.job.attempts + 1,
            permission=self.permission,
            should_stop=context.should_abort,
            worker_ends=lambda: ending.is_set() or context.should_abort(),
        )
        named = {
            name: UUID(value) if isinstance(value, str) else value for name, value in ids.items()
        }
        try:
            if job.attempt > self.attempts:
                raise GaveUp(f"none of {self.attempts} attempts came to an end")
            self.work(job, **named)
        except JobRefused as refusal:
            self._end(job, str(refusal), "denied", named)
            raise
        except GaveUp as reason:
            self._end(job, str(reason), "failed", named)
            raise
        except exceptions.JobAborted:
            raise  # the worker ends, and another run goes on
        except Exception as error:
            # The kind of error only: its words may be a workspace's content.
            log.warning(
                "%s [%s]: attempt %s of %s: %s",
                job.name, job.number, job.attempt, self.attempts, type(error).__name__,
            )  # fmt: skip
            if job.attempt >= self.attempts:
                self._end(job, type(error).__name__, "failed", named)
            raise
        log.info("%s [%s]: done", job.name, job.number)

    def _end(self, job: Job, reason: str, outcome: str, ids: dict[str, Any]) -> None:
        log.info("%s [%s]: %s: %s", job.name, job.number, outcome, reason)
        with workspace_scope(job.workspace_id, user_id=job.actor_id):
            if not Workspace.objects.filter(pk=job.workspace_id).exists():
                return
            about = self._at_end(job, outcome == "denied", **ids) if self._at_end else None
            record(self.name, about, outcome=outcome, reason=reason)


def queue_job(
    name: str,
    ids: Mapping[str, UUID | int],
    *,
    queue: str,
    actor_id: UUID | None,
    at: datetime | None = None,
) -> int:
    """Queue a job by its name, for those who may not import it; `defer` is for all others.

    It is done on behalf of `actor_id`, whoever the scope's person is, and not before `at`. Returns
    its number. Raises NoActiveWorkspace, and TypeError for an argument that is no id.
    """
    workspace = str(current_scope(connections[DEFAULT_DB_ALIAS]).workspace_id)
    arguments = {argument: _id(argument, value) for argument, value in ids.items()}
    return tasks.configure_task(
        name=name,
        # On the scope's own connection, also in a worker, whose queue has others.
        job_manager=JobManager(DjangoConnector(alias=DEFAULT_DB_ALIAS)),
        queue=queue,
        priority=max(-_waiting(workspace), LOWEST_PRIORITY),
        schedule_at=at,
    ).defer(
        workspace_id=workspace,
        actor_id=str(actor_id) if actor_id else None,
        **arguments,
    )


def unfinished(numbers: Iterable[int]) -> set[int]:
    """Return which of these jobs wait or are being done."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT id FROM procrastinate_jobs WHERE id = ANY(%s) AND status IN ('todo', 'doing')",
            [list(numbers)],
        )
        return {number for (number,) in cursor.fetchall()}


_at_start: list[Callable[[], None]] = []


def at_worker_start(work: Callable[[], None]) -> Callable[[], None]:
    """Have a function called once by each worker, before its first job."""
    _at_start.append(work)
    return work


def start_worker() -> None:
    """Do what was registered to be done before a worker's first job."""
    for work in _at_start:
        try:
            work()
        except Exception as error:  # what else there is to do is done all the same
            log.warning("%s: %s", work.__name__, type(error).__name__)


def workspace_job(
    name: str,
    *,
    permission: StrEnum | None = None,
    attempts: int = ATTEMPTS,
    queue: str = "default",
) -> Callable[[Work], WorkspaceJob]:
    """Make a function a job of one workspace. `name` is "<noun>.<verb>", as on the audit trail.

    `permission` is what the person on whose behalf it runs must hold, each time that it enters its
    scope. `attempts` is how often it is started in all, deaths of its worker included.
    """
    return partial(WorkspaceJob, name, permission=permission, attempts=attempts, queue=queue)


def periodic_job(name: str, *, cron: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Have a function done at the times of `cron`, by one worker, in no workspace.

    What it does in workspaces it does with `each_workspace`. One that is late is not done twice.
    """

    def decorate(work: Callable[[], None]) -> Callable[[], None]:
        def run(timestamp: int) -> None:
            work()

        task = app.task(name=name, lock=name, queueing_lock=name)(run)
        app.periodic(cron=cron)(task)
        return work

    return decorate


def each_workspace(reason: str, work: Callable[[], None]) -> None:
    """Do something in each workspace's scope, one after the other.

    A workspace in which it fails keeps no other from its turn; the last error is raised at the end.
    """
    with platform_scope(reason):
        workspaces = list(Workspace.objects.order_by("pk").values_list("pk", flat=True))
    failed: Exception | None = None
    for workspace_id in workspaces:
        try:
            with workspace_scope(workspace_id):
                work()
        except Exception as error:
            log.warning("%s: workspace %s: %s", reason, workspace_id, type(error).__name__)
            failed = error
    if failed is not None:
        raise failed


# A worker that is only late may have come to an end meanwhile: rows that somebody changes just now
# are left alone, and the others are looked at again once they are locked. What is done at its times
# and is queued for the next of them already is not queued twice, which the queue would refuse, and
# everything else with it.
RESCUE = """
WITH stalled AS (
    SELECT job.id, job.task_name, job.queueing_lock FROM procrastinate_jobs AS job
     WHERE job.status = 'doing' AND NOT EXISTS (
            SELECT FROM procrastinate_workers AS worker
             WHERE worker.id = job.worker_id
               AND worker.last_heartbeat >= now() - make_interval(secs => %s))
       FOR UPDATE SKIP LOCKED
)
SELECT id, task_name, CASE
       WHEN EXISTS (SELECT FROM procrastinate_jobs AS next
                     WHERE next.queueing_lock = stalled.queueing_lock AND next.status = 'todo')
       THEN procrastinate_finish_job_v1(id, 'failed', true)
       ELSE procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) END
  FROM stalled
"""


# The last field is seconds. No lock: it would stay with a worker that dies while it holds it.
@app.periodic(cron="* * * * * */10")
@app.task(name="job.rescue", priority=RESCUE_PRIORITY, pass_context=True)
def rescue_stalled(context: JobContext, timestamp: int) -> None:
    """Queue anew what a worker had in hand when it died."""
    seconds = context.additional_context.get("stalled_after", STALLED_AFTER_SECONDS)
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(RESCUE, [seconds])
        for number, name, _void in cursor.fetchall():
            log.warning("%s [%s]: its worker is gone, queued again", name, number)


@app.periodic(cron="13 4 * * *")
@app.task(name="job.forget", lock="job.forget", queueing_lock="job.forget", pass_context=True)
async def forget_old(context: JobContext, timestamp: int) -> None:
    """Remove what ended otherwise than well a while ago; what ended well is removed at once."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FAILED_HOURS,
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )


class _Retries(BaseRetryStrategy):
    def __init__(self, attempts: int) -> None:
        self.attempts = attempts

    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        attempt = job.attempts + 1
        if isinstance(exception, JobRefused | GaveUp):
            return None
        if isinstance(exception, exceptions.JobAborted):  # its worker ends: no fault of the job
            return RetryDecision(retry_in={"seconds": 0})
        if attempt >= self.attempts:
            return None
        wait = RETRY_AFTER_SECONDS[min(attempt, len(RETRY_AFTER_SECONDS)) - 1]
        return RetryDecision(retry_in={"seconds": wait})


def _id(name: str, value: object) -> str | int:
    """Whatever else a job needs, it reads in its scope: the queue has no row security."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"a job is handed ids only, and {name} is {value!r}")


def _waiting(workspace_id: str) -> int:
    """Return how many jobs of a workspace wait already, those for later left out."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs"
            " WHERE status = 'todo' AND args ->> 'workspace_id' = %s"
            " AND (scheduled_at IS NULL OR scheduled_at <= now())",
            [workspace_id],
        )
        return int(cursor.fetchone()[0])
