"""An internet of our own: names, public addresses, and servers on this machine behind them."""

import asyncio
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from agenhood.runtime import egress
from agenhood.runtime.egress.dialing import Streams

ADDRESS = "93.184.215.14"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

Serve = Callable[[socket.socket, bytearray], None]


def http(client: socket.socket, seen: bytearray) -> None:
    """Read a request, its body included, and answer it."""
    while b"\r\n\r\n" not in seen:
        piece = client.recv(65536)
        if not piece:
            return
        seen += piece
    head, _, body = bytes(seen).partition(b"\r\n\r\n")
    headers = head.lower()
    if b"transfer-encoding: chunked" in headers:
        while not seen.endswith(b"0\r\n\r\n") and (piece := client.recv(65536)):
            seen += piece
    elif b"content-length: " in headers:
        length = int(headers.split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length and (piece := client.recv(65536)):
            seen += piece
            body += piece
    client.sendall(ANSWER)


def echo(client: socket.socket, seen: bytearray) -> None:
    while piece := client.recv(65536):
        seen += piece
        client.sendall(piece)


class Internet:
    """`names` is what resolves to what; `seen` is what each server was sent, by connection."""

    def __init__(self) -> None:
        self.names: dict[str, Sequence[str]] = {}
        self.asked: list[str] = []
        self.dialed: list[tuple[str, int]] = []
        self.seen: list[bytearray] = []
        self.told: queue.Queue[egress.Connection] = queue.Queue()
        self._servers: dict[tuple[str, int], socket.socket] = {}
        self._threads: list[threading.Thread] = []

    def host(
        self, name: str, *, address: str = ADDRESS, port: int = 80, serve: Serve = http
    ) -> None:
        """Have a server at a public address, and a name for it."""
        self.names[name] = [address]
        listener = socket.create_server(("127.0.0.1", 0))
        self._servers[address, port] = listener
        self._start(self._listen, listener, serve)

    def server_of(self, name: str, port: int = 80) -> tuple[str, int]:
        """Return where a host's server really listens."""
        address: tuple[str, int] = self._servers[self.names[name][0], port].getsockname()
        return address

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        self._threads.append(thread)

    def _listen(self, listener: socket.socket, serve: Serve) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, client, serve)

    def _serve(self, client: socket.socket, serve: Serve) -> None:
        seen = bytearray()
        self.seen.append(seen)
        with client, suppress(OSError):
            serve(client, seen)

    def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError
        return self.names[host]

    async def dial(self, address: str, port: int) -> Streams:
        """Connect to the server that stands for an address: only what was checked comes here."""
        self.dialed.append((address, port))
        if (address, port) not in self._servers:
            raise ConnectionRefusedError
        return await asyncio.open_connection(*self._servers[address, port].getsockname())

    @contextmanager
    def proxy(
        self,
        folder: Path,
        hosts: Sequence[str],
        inject: Mapping[str, Mapping[str, str]] | None = None,
        **options: Any,
    ) -> Iterator[Path]:
        limits = egress.Limits(**options.pop("limits", {}))
        options = {"resolve": self.resolve, "dial": self.dial, "limits": limits} | options
        with egress.proxy(folder, hosts, self.told.put, inject or {}, **options) as path:
            yield path

    def next_told(self) -> egress.Connection:
        return self.told.get(timeout=10)

    def close(self) -> None:
        for listener in self._servers.values():
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def connect(path: Path) -> socket.socket:
    descriptor = os.open(path.parent, os.O_PATH)  # the path may be too long for a socket
    try:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        try:
            client.connect(f"/proc/self/fd/{descriptor}/{path.name}")
        except BaseException:
            client.close()
            raise
        return client
    finally:
        os.close(descriptor)


def received(client: socket.socket) -> bytes:
    """Return all that comes until the other side ends."""
    found = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            found += piece
    return found


def ask(path: Path, request: str | bytes) -> bytes:
    """Send a request and return the whole answer."""
    with connect(path) as client:
        with suppress(BrokenPipeError):  # it may be turned away at once
            client.sendall(request.encode() if isinstance(request, str) else request)
        return received(client)


def get(path: Path, address: str, *headers: str) -> bytes:
    return ask(path, "\r\n".join([f"GET {address} HTTP/1.1", *headers, "", ""]))


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0
