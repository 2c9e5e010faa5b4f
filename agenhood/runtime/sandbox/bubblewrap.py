"""The engine that is there on any Linux: bubblewrap, no daemon, no root needed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.conf import settings

from agenhood.fleet.agent_files import Place, PlaceUnusable, Usage
from agenhood.fleet.agent_files.place import sweep as sweep_places
from agenhood.runtime.sandbox import cgroups, probe, processes
from agenhood.runtime.sandbox.command import Plan, command
from agenhood.runtime.sandbox.engine import (
    Finished,
    SandboxError,
    SandboxLimits,
    SandboxSpec,
    SandboxUnavailable,
    check,
    check_command,
)
from agenhood.runtime.sandbox.supervise import Supervision
from agenhood.runtime.sandbox.watch import DiskWatch

# Programs reserve far more than they use; only what bounds it all at once may be tighter.
ADDRESS_SPACE_MB = 2048
OVERHEAD_PROCESSES = 6  # sh, setpriv, prlimit, bubblewrap twice, the forwarder
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin:/usr/bin:/bin"


class Bubblewrap:
    name = "bubblewrap"

    def probe(self) -> None:
        """Start a sandbox and see that it is one. Raises SandboxUnavailable."""
        probe.refuse_what_is_missing()
        sweep_places()
        cgroups.sweep()
        try:
            sandbox = self.open(probe.SPEC)
            try:
                probe.look(sandbox)
            finally:
                sandbox.close()
        except SandboxError as error:
            raise SandboxUnavailable(probe.advice(str(error))) from None

    def open(self, spec: SandboxSpec) -> "BubblewrapSandbox":
        """Return a sandbox that is ready to run programs. Raises SandboxError."""
        check(spec)
        bwrap = shutil.which("bwrap", path=PATH)
        if bwrap is None:
            raise SandboxError(probe.MISSING)
        processes.adopt_orphans()
        cgroups.sweep()
        try:
            usage = Place(spec.workspace_id, spec.agent_id, spec.limits.disk_mb).use()
        except PlaceUnusable as error:
            raise SandboxError(str(error)) from None
        try:
            return BubblewrapSandbox(spec, usage, _group(spec.limits), bwrap)
        except BaseException:
            usage.close()
            raise


class BubblewrapSandbox:
    def __init__(
        self, spec: SandboxSpec, usage: Usage, group: cgroups.Group | None, bwrap: str
    ) -> None:
        self.limits, self._usage, self._group = spec.limits, usage, group
        counts = group.counts if group else set()
        memory = spec.limits.memory_mb
        self._plan = Plan(
            directory=usage.path,
            uid=usage.uid,
            max_processes=spec.limits.max_processes + (1 if spec.proxy else 0) + 1,  # and prlimit
            file_mb=spec.limits.disk_mb,
            address_space_mb=0 if "memory" in counts else max(memory, ADDRESS_SPACE_MB),
            counts_memory="memory" in counts,
            entrances=group.entrances if group else [],
            environment=spec.environment,
            proxy=spec.proxy,
            bwrap=bwrap,
        )

    def run(
        self,
        command_line: Sequence[str],
        *,
        stdin: bytes = b"",
        wall_seconds: float | None = None,
        on_output: Callable[[str, bytes], None],
        should_end: Callable[[], bool],
        should_kill: Callable[[], bool],
        most_output: int = 10_000_000,
    ) -> Finished:
        """Run a program in the agent's directory; see engine.Sandbox. Raises SandboxError."""
        check_command(command_line)
        killed_before = self._killed_for_memory()
        try:
            process, status = self._start(command_line, stdin)
        except OSError as error:
            raise SandboxError(f"The sandbox could not be started: {error.strerror}.") from None
        finished = Supervision(
            process,
            status,
            stdin,
            wall_seconds=self.limits.wall_seconds if wall_seconds is None else wall_seconds,
            most_output=most_output,
            on_output=on_output,
            should_end=should_end,
            should_kill=should_kill,
            watch=self._watch(),
        ).run()
        if not finished.killed_for and self._killed_for_memory() > killed_before:
            return Finished(finished.exit_code, "memory")
        return finished

    def _killed_for_memory(self) -> int:
        return self._group.killed_for_memory() if self._group else 0

    def _start(
        self, command_line: Sequence[str], stdin: bytes
    ) -> "tuple[subprocess.Popen[bytes], int]":
        ours, theirs = os.pipe()
        try:
            made = command(self._plan, command_line, stdin, theirs)
            try:
                process = subprocess.Popen(
                    made.line,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=[*made.descriptors, theirs],
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                    cwd="/",
                    start_new_session=True,
                )
            finally:
                made.close()
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return process, ours

    def _watch(self) -> Callable[[int], str]:
        """Return what looks, while a program runs, after limits that the kernel does not hold."""
        disk = None
        if not self._usage.is_limited:
            disk = DiskWatch(self._usage.path, self.limits.disk_mb)
        most_memory = 0 if self._plan.counts_memory else self.limits.memory_mb * 2**20

        def watch(first: int) -> str:
            if most_memory and processes.memory_in_use(first) > most_memory:
                return "memory"
            if disk and disk.is_over(first):
                return "disk"
            return ""

        return watch

    def close(self) -> None:
        """Kill what is left and give back what it took. The agent's directory stays."""
        if self._group:
            self._group.close()
            self._group = None
        self._usage.close()


def _group(limits: SandboxLimits) -> cgroups.Group | None:
    """Return a control group, or None where none can be made."""
    if not cgroups.hierarchies():
        return None
    with suppress(OSError):
        return cgroups.Group(
            memory_mb=limits.memory_mb,
            max_processes=limits.max_processes + OVERHEAD_PROCESSES,
            cpus=settings.AGENHOOD_SANDBOX_CPUS,
        )
    return None
