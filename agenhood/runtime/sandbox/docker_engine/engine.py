"""Docker Engine as an engine of sandboxes."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.conf import settings

from agenhood.fleet.agent_files import Place, PlaceUnusable, Usage
from agenhood.fleet.agent_files.place import sweep as sweep_places
from agenhood.runtime.sandbox import probe
from agenhood.runtime.sandbox.docker_engine import owners, probing, warm
from agenhood.runtime.sandbox.docker_engine.client import client, in_words
from agenhood.runtime.sandbox.docker_engine.configuration import configuration
from agenhood.runtime.sandbox.docker_engine.container import Container
from agenhood.runtime.sandbox.docker_engine.program import Program
from agenhood.runtime.sandbox.docker_engine.request import request
from agenhood.runtime.sandbox.engine import (
    Finished,
    SandboxError,
    SandboxSpec,
    SandboxUnavailable,
    check,
    check_command,
)
from agenhood.runtime.sandbox.watch import DiskWatch


class DockerEngine:
    name = "docker"

    def probe(self) -> None:
        """Start a sandbox and see that it is one. Raises SandboxUnavailable."""
        try:
            asking = client()
            try:
                probing.refuse_what_is_missing(asking)
                with in_words():
                    owners.sweep(asking)
            finally:
                asking.close()
            sweep_places()
            sandbox = self.open(probe.SPEC)
            try:
                probe.look(sandbox, first="python3", has_own_files=True)
            finally:
                sandbox.close()
        except SandboxError as error:
            raise SandboxUnavailable(str(error)) from None

    def open(self, spec: SandboxSpec) -> "DockerSandbox":
        """Return a sandbox that is ready to run programs. Raises SandboxError."""
        check(spec)
        asking = client()
        try:
            with in_words():
                owners.sweep(asking)
            image = probing.image(asking)
        finally:
            asking.close()
        try:
            usage = Place(spec.workspace_id, spec.agent_id, spec.limits.disk_mb).use()
        except PlaceUnusable as error:
            raise SandboxError(str(error)) from None
        try:
            return DockerSandbox(spec, _container(spec, usage, image))
        except BaseException:
            usage.close()
            raise


def _container(spec: SandboxSpec, usage: Usage, image: str) -> Container:
    """Return one that waits for a program. Takes over the usage. Raises SandboxError."""
    try:
        wanted = configuration(spec, usage, image)
        wanted["Labels"] |= owners.labels()
    except OSError as error:
        raise SandboxError(f"The sandbox could not be prepared: {error.strerror}.") from None
    kept = warm.take(spec.agent_id, wanted)
    if kept is not None:
        usage.close()  # it has its own
        return kept
    container = Container(wanted, usage)
    try:
        container.start()
    except BaseException:
        container.remove()
        raise
    return container


class DockerSandbox:
    def __init__(self, spec: SandboxSpec, container: Container) -> None:
        self.spec = spec
        self._container: Container | None = container
        self._is_broken = False
        # A network's way out is made for one task, and a container is made with it.
        self._is_kept = spec.proxy is None and spec.agent_id != UUID(int=0)

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        wall_seconds: float | None = None,
        on_output: Callable[[str, bytes], None],
        should_end: Callable[[], bool],
        should_kill: Callable[[], bool],
        most_output: int = 10_000_000,
    ) -> Finished:
        """Run a program in the agent's directory; see engine.Sandbox. Raises SandboxError."""
        check_command(command)
        if self._container is None or self._is_broken:
            raise SandboxError("The sandbox is gone.")
        asked = request(
            command, self.spec.environment, stdin, has_proxy=self.spec.proxy is not None
        )
        try:
            finished = Program(
                self._container,
                asked,
                wall_seconds=(
                    self.spec.limits.wall_seconds if wall_seconds is None else wall_seconds
                ),
                most_output=most_output,
                on_output=on_output,
                should_end=should_end,
                should_kill=should_kill,
                watch=self._watch(self._container.usage),
            ).run()
        except SandboxError:
            self._is_broken = True
            raise
        if settings.AGENHOOD_DOCKER_IDLE_SECONDS:
            self._container.start_meanwhile()
        return finished

    def _watch(self, usage: Usage) -> Callable[[int], str]:
        """Return what looks after the disk, while a program runs, where the kernel does not."""
        if usage.is_limited:
            return lambda _: ""
        disk = DiskWatch(usage.path, self.spec.limits.disk_mb)
        return lambda first: "disk" if disk.is_over(first) else ""

    def close(self) -> None:
        """Kill what is left; keep the container for the agent's next task, or remove it."""
        container, self._container = self._container, None
        if container is None:
            return
        if self._is_kept and not self._is_broken:
            warm.keep(self.spec.agent_id, container)
        else:
            container.remove()
