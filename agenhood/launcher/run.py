"""`make run`, `make demo` and `make manage`."""

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agenhood.launcher.children import child
from agenhood.launcher.data import open_lock
from agenhood.launcher.errors import LauncherError
from agenhood.launcher.instance import instance, refuse_demo_in_production, usable_data_folder
from agenhood.launcher.sandbox import install_sandbox
from agenhood.launcher.serve import HOST, chosen_port, refuse_taken_port, server
from agenhood.launcher.worker import wait_for, worker

WELCOME = """
  Agenhood is running.

    Console   http://{host}:{port}/
    Admin     http://{host}:{port}/admin/
    Data      {data}

  What next
    {next}
    Ctrl-C ends everything that was started here.
"""
PROVISION = """Sign in and provision a workspace in the admin, or
    have two workspaces and four accounts to try: make demo"""
TRY = "Sign in to the console as owner@demo.test and look at what its agents did."


def run(*, demo: bool) -> int:
    """Serve one instance until a signal ends it. Raises LauncherError, or Stopped by a signal."""
    port = chosen_port()
    data = usable_data_folder()
    if demo:
        refuse_demo_in_production(data)
    with _only_run(data, port):
        refuse_taken_port(port)
        install_sandbox()
        given = os.environ.get("DATABASE_URL")
        print(f"{'Connecting to' if given else 'Starting'} the database", flush=True)
        with instance(data, repair_roles=True) as running:
            print("Preparing the instance", flush=True)
            running.prepare(demo=demo)
            print("Starting the web server and a worker", flush=True)
            with (
                server(running.serving_environment, port) as process,
                worker(running.working_environment) as jobs,
            ):
                text = TRY if demo else PROVISION
                print(WELCOME.format(host=HOST, port=port, data=data, next=text), flush=True)
                wait_for(process, meanwhile=jobs.look)
                raise LauncherError(f"The web server ended (exit code {process.returncode}).")


def demo() -> int:
    """Fill the instance with samples, whether it is running or not."""
    data = usable_data_folder()
    refuse_demo_in_production(data)
    with instance(data, repair_roles=True) as running:
        running.prepare(demo=True)
    return 0


def manage(arguments: list[str]) -> int:
    """Run manage.py with the instance's environment; return its exit code.

    Roles stay as they are: `check_isolation` must see them so.
    """
    data = usable_data_folder()
    command: list[str | Path] = [sys.executable, "manage.py", *arguments]
    with (
        instance(data, repair_roles=False) as running,
        child(command, running.environment, foreground=True) as process,
    ):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child's to handle: it may be a shell
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _only_run(data: Path, port: int) -> Iterator[None]:
    """Hold the data folder for this `make run`. Raises LauncherError if another one has it."""
    lock = open_lock(data / "run.lock")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(lock, 100, 0).decode().strip()
            raise LauncherError(
                f"Agenhood already runs on the data in {data} ({other}). To run a second one beside"
                " it, give it data and a port of its own:"
                f" make run AGENHOOD_DATA={data}-2 PORT={port + 1}"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()}, http://{HOST}:{port}/\n".encode(), 0)
        yield
    finally:
        os.close(lock)
