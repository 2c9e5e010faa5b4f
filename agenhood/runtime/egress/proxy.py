"""The proxy as a whole: its socket, its thread, and how both end."""

import asyncio
import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from agenhood.runtime.egress import dialing
from agenhood.runtime.egress.heads import TOKEN
from agenhood.runtime.egress.hosts import AllowList, normalised
from agenhood.runtime.egress.report import Connection, Limits
from agenhood.runtime.egress.serving import Server

HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")


@contextmanager
def proxy(
    folder: Path,
    hosts: Sequence[str],
    on_connection: Callable[[Connection], None],
    inject: Mapping[str, Mapping[str, str]],
    *,
    uid: int | None = None,
    limits: Limits | None = None,
    resolve: dialing.Resolve = dialing.resolve,
    dial: dialing.Dial = dialing.dial,
) -> Iterator[Path]:
    """Serve an agent until the block ends; give the unix socket at which it does.

    `folder` is a private folder of ours; what is made in it is removed again. Processes of the
    user `uid` (ours by default) may connect, and nobody else. `inject` has headers, such as
    Authorization, by the host that they are added for, in plain HTTP requests only.
    `on_connection` is called in the proxy's thread, and is not to wait.
    Raises ValueError for a host or header that is none, OSError where it cannot listen.
    """
    server = Server(
        AllowList(hosts),
        on_connection,
        {normalised(host): _checked(headers) for host, headers in inject.items()},
        users={os.geteuid(), os.geteuid() if uid is None else uid},
        limits=limits or Limits(),
        dialer=dialing.Dialer(resolve, dial),
    )
    place = Path(tempfile.mkdtemp(prefix="proxy-", dir=folder))
    try:
        with _listening(place, uid) as listener:
            thread = _Thread(server, listener)
            thread.start()
            server.is_ready.wait()  # it can be ended properly from here on
            try:
                yield place / "socket"
            finally:
                thread.end()
    finally:
        shutil.rmtree(place)


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not re.fullmatch(TOKEN, name) or not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"The header {name!r} cannot be sent.")  # never its value
    return dict(headers)


@contextmanager
def _listening(place: Path, uid: int | None) -> Iterator[socket.socket]:
    """Bind a socket that only `uid` and we can connect to."""
    descriptor = os.open(place, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            # By way of the descriptor: a unix socket's path has room for 107 bytes only. Whoever
            # is not allowed in cannot even pass through the folder yet.
            name = f"/proc/self/fd/{descriptor}/socket"
            listener.bind(name)
            Path(name).chmod(0o600)
            if uid is not None and uid != os.geteuid():
                os.chown(name, uid, -1)
                for step in (place, place.parent):
                    step.chmod(0o711)
            listener.listen(128)
            listener.setblocking(False)
            yield listener
    finally:
        os.close(descriptor)


class _Thread(threading.Thread):
    """Runs the server's event loop, whatever loop or thread the proxy is made in."""

    def __init__(self, server: Server, listener: socket.socket) -> None:
        super().__init__(name="egress proxy", daemon=True)
        self.server, self.listener = server, listener
        self.loop = asyncio.new_event_loop()
        self.work = self.loop.create_task(server.serve(listener))

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            with suppress(asyncio.CancelledError):
                self.loop.run_until_complete(self.work)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.server.is_ready.set()  # nobody waits for one that cannot be
            self.loop.close()

    def end(self) -> None:
        with suppress(RuntimeError):  # it ended by itself
            self.loop.call_soon_threadsafe(self.work.cancel)
        self.join()
