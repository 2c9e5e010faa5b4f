"""A process that records events of a task as a worker does: at full speed, when it is told to.

    python -m bench.recording <workspace> <person> <task>

It reads a line with a number of seconds, writes events for so long, and answers with [events
stored, seconds until the last of them was]. The database is that of the environment.
"""

import json
import sys
import time
from uuid import UUID

import django


def main(workspace: UUID, person: UUID, task_id: UUID) -> None:
    django.setup()
    from agenhood.fleet.models import Event, Task
    from agenhood.fleet.permissions import FleetPermission
    from agenhood.runtime.recorder import EventRecorder
    from agenhood.runtime.scrub import Scrubber
    from agenhood.runtime.stopping import Stopping
    from workspaces.jobs import Job

    job = Job(
        name="task.run",
        number=0,
        workspace_id=workspace,
        actor_id=person,
        attempt=1,
        permission=FleetPermission.TASK_RUN,
        should_stop=lambda: False,
        worker_ends=lambda: False,
    )
    with job.scope():
        task = Task.objects.get(pk=task_id)
    stop = Stopping(wall_seconds=3600, worker_ends=lambda: False)
    scrubber = Scrubber(["a secret that is not said 1", "a secret that is not said 2"])
    with EventRecorder(job, task, scrubber=scrubber, stop=stop) as record:
        for line in sys.stdin:
            began = time.monotonic()
            until, count = began + float(line), 0
            while time.monotonic() < until:
                record.event(Event.Kind.TOOL_RESULT, f"line {count} of what it does", tool="bench")
                count += 1
            record.flush()
            if stop.reason is not None:
                raise RuntimeError(f"recording ended: {stop.reason}")
            print(json.dumps([count, time.monotonic() - began]), flush=True)


if __name__ == "__main__":
    main(*(UUID(word) for word in sys.argv[1:]))
