"""What the proxy does with each connection: look at it, let it through, count it."""

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from agenhood.runtime.egress import bodies
from agenhood.runtime.egress.dialing import AddressRefused, Dialer, Streams, Unreachable
from agenhood.runtime.egress.heads import BadRequest, Request, parse
from agenhood.runtime.egress.hosts import AllowList
from agenhood.runtime.egress.report import Connection, Limits

log = logging.getLogger("agenhood.runtime.egress")

STATUS = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Refused(Exception):
    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class TooMuch(Exception):
    """The proxy has let through all that it may."""


@dataclass(slots=True)
class Account:
    """What is to be told of a connection."""

    host: str = ""
    port: int = 0
    allowed: bool = False
    reason: str = ""
    sent: int = 0
    received: int = 0


class Server:
    def __init__(
        self,
        allowed: AllowList,
        on_connection: Callable[[Connection], None],
        inject: Mapping[str, Mapping[str, str]],
        *,
        users: set[int],
        limits: Limits,
        dialer: Dialer,
    ) -> None:
        self.allowed, self.inject, self.users = allowed, inject, users
        self.limits, self.dialer = limits, dialer
        self.is_ready = threading.Event()
        self._on_connection = on_connection
        self._open: set[asyncio.Task[None]] = set()
        self._answered = 0
        self._bytes = 0

    async def serve(self, listener: socket.socket) -> None:
        """Answer until cancelled; then break off what is open, and tell of it."""
        server = await asyncio.start_unix_server(
            self._accept, sock=listener, limit=self.limits.head_bytes
        )
        self.is_ready.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            # Closing comes last: asyncio leaks a connection whose server is closed while it begins.
            asyncio.get_running_loop().remove_reader(listener.fileno())
            ended: set[asyncio.Task[None]] = set()
            # One that was just accepted has to begin before it can be ended.
            while asyncio.all_tasks() - {asyncio.current_task()}:
                for task in self._open - ended:
                    task.cancel()
                    ended.add(task)
                await asyncio.sleep(0)
            server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, and tell of it. A last one beyond the limit is told of, too."""
        task = asyncio.current_task()
        if task is None or _user(writer) not in self.users:
            writer.transport.abort()
            return
        if self._answered > self.limits.connections_in_all:
            writer.transport.abort()
            return
        self._answered += 1
        self._open.add(task)
        account = Account()
        try:
            await self._answer(reader, writer, account)
        except asyncio.CancelledError:
            account.reason = account.reason or "the task ended"
        except Exception as error:  # a fault of ours ends this connection and no other
            log.warning("egress: %s", type(error).__name__)
            account.reason = "the proxy failed"
        finally:
            self._open.discard(task)
            writer.transport.abort()
            self._tell(account)

    def _tell(self, account: Account) -> None:
        try:
            self._on_connection(
                Connection(
                    account.host,
                    account.port,
                    account.allowed,
                    account.reason,
                    account.sent,
                    account.received,
                )
            )
        except Exception as error:  # whoever is told may fail, and the proxy goes on
            log.warning("egress: a connection could not be told of: %s", type(error).__name__)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, account: Account
    ) -> None:
        try:
            if words := self._used_up():
                raise Refused(503, words)
            request, server = await self._opened(reader, account)
        except Refused as refusal:
            account.reason = str(refusal)
            await self._refuse(reader, writer, refusal)
            return
        try:
            exchange = Exchange(request, (reader, writer), server, account, self)
            await exchange.run(self.inject.get(request.host, {}))
        finally:
            server[1].transport.abort()

    def _used_up(self) -> str:
        """Return in words which limit leaves no room for one more connection, if one does."""
        limits = self.limits
        if self._answered > limits.connections_in_all:
            return f"more than {limits.connections_in_all} connections in all"
        if len(self._open) > limits.connections:
            return f"more than {limits.connections} connections at once"
        if limits.total_bytes is not None and self._bytes >= limits.total_bytes:
            return f"more than {limits.total_bytes} bytes in all"
        return ""

    async def _opened(
        self, reader: asyncio.StreamReader, account: Account
    ) -> tuple[Request, Streams]:
        """Read who is to be reached, and connect. Raises Refused."""
        try:
            async with asyncio.timeout(self.limits.head_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
            request = parse(head)
        except TimeoutError:
            raise Refused(408, "the request did not come in time") from None
        except asyncio.LimitOverrunError:
            raise Refused(431, "the request's head is too long") from None
        except (asyncio.IncompleteReadError, OSError):
            raise Refused(400, "the request breaks off") from None
        except BadRequest as error:
            account.host, account.port = error.host, error.port
            raise Refused(403 if error.is_denied else 400, str(error)) from None
        account.host, account.port = request.host, request.port
        if words := self.allowed.refusal(request.host, request.port):
            raise Refused(403, words)
        try:
            server = await self.dialer.connect(
                request.host, request.port, self.limits.connect_seconds
            )
        except AddressRefused as error:
            raise Refused(403, str(error)) from None
        except Unreachable as error:
            account.allowed = True
            raise Refused(502, str(error)) from None
        account.allowed = True
        return request, server

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: Refused
    ) -> None:
        body = f"The agent's proxy refuses this: {refusal}.\n".encode()
        head = (
            f"HTTP/1.1 {refusal.status} {STATUS[refusal.status]}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        if refusal.status == 503:  # the very number of connections is what is too much
            return
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                writer.write_eof()
                # What is still unread when a socket closes takes the answer away from its reader.
                while await reader.read(65536):
                    pass

    def count(self, size: int) -> None:
        """Raises TooMuch when no more may pass, these included."""
        self._bytes += size
        most = self.limits.total_bytes
        if most is not None and self._bytes > most:
            raise TooMuch


class Exchange:
    """One request, or one tunnel, between an agent and the server that it asked for."""

    def __init__(
        self, request: Request, agent: Streams, server: Streams, account: Account, owner: Server
    ) -> None:
        self.request, self.agent, self.server = request, agent, server
        self.account, self.owner = account, owner
        self._idle = owner.limits.idle_seconds
        self._patience = asyncio.timeout(None)
        for _, writer in (agent, server):
            # `drain` waits until everything is out: nothing is lost when the socket closes.
            writer.transport.set_write_buffer_limits(high=0)

    async def run(self, extra: Mapping[str, str]) -> None:
        try:
            async with asyncio.timeout(self._idle) as self._patience:
                if self.request.method == "CONNECT":
                    await self._tunnel()
                else:
                    await self._request(extra)
        except TimeoutError:
            self.account.reason = f"nothing was sent for {self._idle:g} seconds"
        except TooMuch:
            self.account.reason = f"more than {self.owner.limits.total_bytes} bytes in all"
        except bodies.BadBody as error:
            self.account.reason = str(error)
        except OSError:
            self.account.reason = "the connection broke off"

    async def _tunnel(self) -> None:
        await self._to_agent(b"HTTP/1.1 200 Connection established\r\n\r\n", counted=False)
        both = [asyncio.ensure_future(work) for work in (self._copy_up(), self._copy_down())]
        try:
            await asyncio.gather(*both)
        finally:
            for work in both:
                work.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _request(self, extra: Mapping[str, str]) -> None:
        """Send the request and give back the answer. One request to a connection: a second one
        would reach this server unseen."""
        await self._to_server(self.request.written(extra), counted=False)
        up = asyncio.ensure_future(self._body())
        try:
            await self._copy_down()
        finally:
            up.cancel()
            broken = (await asyncio.gather(up, return_exceptions=True))[0]
        if isinstance(broken, TooMuch | bodies.BadBody):
            raise broken

    async def _body(self) -> None:
        try:
            async for piece in bodies.read(self.agent[0], self.request.length):
                await self._to_server(piece)
            if await self.agent[0].read(1):
                raise bodies.BadBody("more came than the request")
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                self.server[1].transport.abort()  # which ends the answer
            raise

    async def _copy_up(self) -> None:
        while piece := await self.agent[0].read(65536):
            await self._to_server(piece)
        self.server[1].write_eof()

    async def _copy_down(self) -> None:
        while piece := await self.server[0].read(65536):
            await self._to_agent(piece)
        self.agent[1].write_eof()

    async def _to_server(self, piece: bytes, *, counted: bool = True) -> None:
        if counted:
            self.owner.count(len(piece))
            self.account.sent += len(piece)
        await self._write(self.server[1], piece)

    async def _to_agent(self, piece: bytes, *, counted: bool = True) -> None:
        if counted:
            self.owner.count(len(piece))
            self.account.received += len(piece)
        await self._write(self.agent[1], piece)

    async def _write(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        self._moves()
        writer.write(piece)
        await writer.drain()
        self._moves()

    def _moves(self) -> None:
        with suppress(RuntimeError):  # its time is over already
            self._patience.reschedule(asyncio.get_running_loop().time() + self._idle)


def _user(writer: asyncio.StreamWriter) -> int:
    """Return whose process is at the other end, as the kernel says."""
    credentials = writer.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    return int(struct.unpack("3i", credentials)[1])
