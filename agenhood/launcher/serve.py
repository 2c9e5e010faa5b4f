"""The web server: its port, its process, and how to tell that it answers."""

import errno
import http.client
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from agenhood.launcher.children import child
from agenhood.launcher.errors import LauncherError

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 60

OPTIONS = (
    # Open event streams must not hold up the end for longer.
    *("--timeout-graceful-shutdown", "3"),
    # Only a proxy may say whom it forwards for, and `make run` has none in front of it.
    "--no-proxy-headers",
    *("--no-server-header", "--log-level", "warning"),
)


def chosen_port() -> int:
    """Return the port from `PORT`, 8000 by default. Raises LauncherError."""
    given = os.environ.get("PORT") or "8000"
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise LauncherError(f'PORT is "{given}": it must be a number from 1 to 65535.')
    return int(given)


def refuse_taken_port(port: int) -> None:
    """Raise LauncherError if the server could not listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "another program uses it"
            elif error.errno == errno.EACCES:
                reason = "only root may use ports below 1024"
            else:
                raise
            another = port + 1 if port >= 1024 else 8000
            raise LauncherError(
                f"Port {port} cannot be used: {reason}. Choose another one: make run PORT={another}"
            ) from None


@contextmanager
def server(environment: Mapping[str, str], port: int) -> Iterator[Popen[bytes]]:
    """Serve the console for a block, which begins when it answers. Raises LauncherError."""
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "agenhood.asgi:application"]
    command += ["--host", HOST, "--port", str(port), *OPTIONS]
    refuse_taken_port(port)
    with child(command, environment) as process:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _is_live(port):
            if process.poll() is not None:
                raise LauncherError("The web server did not start; the reason is above.")
            if time.monotonic() > deadline:
                raise LauncherError(f"The web server does not answer on port {port}.")
            time.sleep(0.05)
        yield process


def _is_live(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/livez")
        # Any answer but an error of the server: where other hosts are allowed, this one is refused.
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
