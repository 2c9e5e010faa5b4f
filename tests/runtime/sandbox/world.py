# ruff: noqa: S108, S607, ARG005  tools of the machine, and callbacks that need no argument
"""A host with something to steal or to break, and a neighbour, for hostile programs to try."""

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uuid_utils.compat as uuid

from agenhood.launcher.paths import CHECKOUT
from agenhood.runtime.sandbox import Engine, SandboxLimits, SandboxSpec
from tests import postgres

LIMITS = SandboxLimits(memory_mb=96, max_processes=24, disk_mb=16, wall_seconds=15)
NEIGHBOUR = """
import os, socket, sys, time
open("/workspace/secret", "w").write("the neighbour's")
open("/tmp/neighbour", "w").write("x"); open("/dev/shm/neighbour", "w").write("x")
a = socket.create_server(("127.0.0.1", 4321))
b = socket.socket(socket.AF_UNIX); b.bind("\\0neighbour"); b.listen()
print("ready", flush=True)
time.sleep(600)
"""


def spec(**given: object) -> SandboxSpec:
    values = {"workspace_id": uuid.uuid7(), "agent_id": uuid.uuid7(), "limits": LIMITS, **given}
    return SandboxSpec(**values)


@contextmanager
def world(engine: Engine, agents: Path) -> Iterator[dict[str, str]]:
    """Yield where everything is, as environment variables."""
    folder = agents / "host"
    folder.mkdir(mode=0o755, exist_ok=True)
    secret = folder / "secret"
    secret.write_text("the host's")
    name = f"agenhood-{os.getpid()}"
    shared = Path("/dev/shm", name)
    shared.write_text("x")
    key = 0x41474E00 + os.getpid() % 256
    libc = ctypes.CDLL(None)
    segment = libc.shmget(key, 4096, 0o1666)
    with ExitStack() as stack:
        stack.callback(libc.shmctl, segment, 0, None)
        stack.callback(shared.unlink)
        tcp = stack.enter_context(socket.create_server(("0.0.0.0", 0)))  # noqa: S104
        path, abstract = folder / "socket", name
        path.unlink(missing_ok=True)
        for address in (str(path), "\0" + abstract):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen(100)
        path.chmod(0o777)
        host = stack.enter_context(subprocess.Popen(["sleep", "600"], env={"WORKER_SECRET": "x"}))
        stack.callback(host.kill)
        stack.enter_context(neighbour(engine, where := spec()))
        neighbours = agents / str(where.workspace_id) / str(where.agent_id)
        yield {
            "SECRET_FILE": str(secret),
            "NEIGHBOUR_FILE": str(next(neighbours.glob("**/secret"))),
            "NEIGHBOUR_PID": str(_pid_in(neighbours)),
            "AGENTS": str(agents),
            "CHECKOUT": str(CHECKOUT),
            "HOST_PID": str(host.pid),
            "POSTGRES": str(next(Path(postgres.server.socket_folder).glob(".s.PGSQL.*[0-9]"))),
            "HOST_SOCKET": str(path),
            "ABSTRACT": abstract,
            "HOST_PORT": str(tcp.getsockname()[1]),
            "HOST_ADDRESS": _address(),
            "SHM_KEY": str(key),
            "SHM_NAME": name,
        }


@contextmanager
def neighbour(engine: Engine, where: SandboxSpec) -> Iterator[None]:
    """Have another agent at work meanwhile."""
    sandbox = engine.open(where)
    ready, over = threading.Event(), threading.Event()

    def work() -> None:
        sandbox.run(
            ["python3", "-c", NEIGHBOUR],
            wall_seconds=600,
            on_output=lambda stream, piece: ready.set(),
            should_end=lambda: False,
            should_kill=over.is_set,
        )

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(20)
        yield
        assert thread.is_alive()  # whatever was tried meanwhile
    finally:
        over.set()
        thread.join()
        sandbox.close()


def _pid_in(folder: Path) -> int:
    """Return the id of a process that has a sandbox's directory as its working folder."""
    wanted = next(folder.glob("**/secret")).parent.stat()
    for process in Path("/proc").iterdir():
        try:
            found = (process / "cwd").stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return int(process.name)
    raise LookupError(folder)


def _address() -> str:
    """Return the machine's own address, as far as it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
