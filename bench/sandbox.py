"""What it costs to start a sandbox: the engine's opening, running and closing, and bare bwrap.

As in a worker, which keeps an agent's disk mounted for a while; and once with the disk unmounted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings

from agenhood.fleet.agent_files.place import keeper
from agenhood.runtime.sandbox import Sandbox, SandboxLimits, SandboxSpec, engine
from bench.bare_sandbox import bare_plan, run_bare
from bench.timing import Measured, interleaved

SPEC = SandboxSpec(
    workspace_id=UUID(int=1),
    agent_id=UUID(int=2),
    limits=SandboxLimits(memory_mb=512, max_processes=64, disk_mb=512, wall_seconds=60),
)
PROGRAM = ["/bin/true"]
ENGINE, OPEN, BARE = "opening, running, closing a sandbox", "running in an open one", "bare bwrap"
COLD = "opening, running, closing a sandbox whose disk was not mounted"


def measure(*, rounds: int) -> Measured:
    plan = bare_plan(Path(settings.AGENHOOD_AGENTS, "bare"))

    def whole() -> None:
        with _opened() as sandbox:
            _run(sandbox)

    keeper.begin()
    try:
        whole()  # which makes the agent's directory
        with _opened(agent=3) as other:
            timings = interleaved(
                {
                    ENGINE: whole,
                    OPEN: lambda: _run(other),
                    BARE: lambda: run_bare(plan, PROGRAM),
                },
                rounds=rounds,
            )
    finally:
        keeper.end()
    timings |= interleaved({COLD: whole}, rounds=rounds // 4)
    bare = timings[BARE].median
    figures = {
        "sandbox_start_ratio": timings[ENGINE].median / bare,
        "sandbox_run_ratio": timings[OPEN].median / bare,
        "sandbox_start_ms": timings[ENGINE].median,
        "sandbox_cold_start_ms": timings[COLD].median,
    }
    return Measured(figures, timings)


@contextmanager
def _opened(agent: int = 2) -> Iterator[Sandbox]:
    spec = SandboxSpec(SPEC.workspace_id, UUID(int=agent), SPEC.limits)
    sandbox = engine().open(spec)
    try:
        yield sandbox
    finally:
        sandbox.close()


def _run(sandbox: Sandbox) -> None:
    finished = sandbox.run(
        PROGRAM,
        on_output=lambda _stream, _piece: None,
        should_end=lambda: False,
        should_kill=lambda: False,
    )
    if finished.exit_code != 0:
        raise RuntimeError(f"{PROGRAM} ended with {finished.exit_code} in the sandbox")
