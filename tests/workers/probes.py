"""Jobs that leave traces: projects, named for what was done."""

import os
import signal
from uuid import UUID

from agenhood.fleet.models import Project
from agenhood.fleet.permissions import FleetPermission
from workspaces.jobs import Job, workspace_job


@workspace_job("probe.write", permission=FleetPermission.PROJECT_EDIT)
def write(job: Job, number: int) -> None:
    with job.scope():
        Project.objects.create(name=f"probe-{number}")


@workspace_job("probe.rename", permission=FleetPermission.PROJECT_EDIT)
def rename(job: Job, project_id: UUID) -> None:
    """Put on the project of that id which birds are in reach, in two scopes."""
    with job.scope():
        birds = {name.partition("-")[0] for name in Project.objects.values_list("name", flat=True)}
    with job.scope():
        for project in Project.objects.filter(pk=project_id):
            project.name += f" saw {' '.join(sorted(birds))}"
            project.save()


@workspace_job("probe.fail", permission=FleetPermission.PROJECT_EDIT, attempts=2)
def fail(job: Job) -> None:
    with job.scope():
        Project.objects.create(name=f"begun-{job.attempt}")
        raise ValueError("words of the workspace: Kestrel")


@fail.at_end
def failed(job: Job, refused: bool) -> None:
    Project.objects.create(name=f"ended {'refused' if refused else 'failed'}")


@workspace_job("probe.kill_worker", permission=FleetPermission.PROJECT_EDIT)
def kill_worker(job: Job) -> None:
    """End the process half way, as the kernel does when memory is short, the first time."""
    with job.scope():
        Project.objects.create(name=f"begun-{job.attempt}")
    with job.scope():
        Project.objects.create(name=f"half-{job.attempt}")
        if job.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)


@workspace_job("probe.always_kill_worker", permission=FleetPermission.PROJECT_EDIT, attempts=1)
def always_kill_worker(job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@always_kill_worker.at_end
def gave_up(job: Job, refused: bool) -> None:
    Project.objects.create(name=f"gave up before attempt {job.attempt}")


@workspace_job("probe.forget_scope", permission=FleetPermission.PROJECT_EDIT, attempts=1)
def forget_scope(job: Job) -> None:
    Project.objects.create(name="written outside")


@workspace_job("probe.for_nobody")
def for_nobody(job: Job) -> None:
    with job.scope():
        Project.objects.create(name="probe for nobody")
