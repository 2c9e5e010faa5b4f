"""From a host's name to a connection with a public address that it has."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from agenhood.runtime.egress.addresses import Address, parsed, refusal

MOST_ADDRESSES = 4  # that are tried

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Resolve = Callable[[str], Sequence[str]]  # may block; raises OSError
Dial = Callable[[str, int], Awaitable[Streams]]  # to an address, never a name


class Unreachable(Exception):
    """The host has no address, or none that answers; the message says which."""


class AddressRefused(Exception):
    """The host has no address that an agent may reach; the message says why."""


def resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def dial(address: str, port: int) -> Streams:
    return await asyncio.open_connection(address, port)


class Dialer:
    def __init__(self, resolve: Resolve, dial: Dial) -> None:
        self._resolve, self._dial = resolve, dial

    async def connect(self, host: str, port: int, seconds: float) -> Streams:
        """Connect to an address that was looked at, within so long.

        Raises Unreachable and AddressRefused.
        """
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._addresses(host)
                return await self._first(addresses, port)
        except TimeoutError:
            raise Unreachable("the host does not answer in time") from None

    async def _addresses(self, host: str) -> list[Address]:
        """Return those of a host's addresses that are public. There may be others beside them,
        as in networks that translate between the two kinds."""
        literal = parsed(host)
        try:
            found = [host] if literal else await _in_thread(self._resolve, host)
        except (OSError, UnicodeError):
            raise Unreachable("the host's name is not known") from None
        addresses = [address for text in found if (address := parsed(text))]
        kinds = [refusal(address) for address in addresses]
        public = [address for address, kind in zip(addresses, kinds, strict=True) if not kind]
        if not public:
            if not kinds:
                raise Unreachable("the host's name is not known")
            raise AddressRefused(f"the host's address is no public one: it is {kinds[0]}")
        return public[:MOST_ADDRESSES]

    async def _first(self, addresses: Sequence[Address], port: int) -> Streams:
        for address in addresses:
            try:
                return await self._dial(str(address), port)
            except OSError:
                continue
        raise Unreachable("the host cannot be connected to")


async def _in_thread(work: Resolve, host: str) -> Sequence[str]:
    """Return what a function returns that blocks. Nobody waits for it once this is cancelled:
    a resolver may take minutes."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(found: Sequence[str], error: Exception | None) -> None:
        if done.cancelled():
            return
        if error:
            done.set_exception(error)
        else:
            done.set_result(found)

    def run() -> None:
        found: Sequence[str] = ()
        error: Exception | None = None
        try:
            found = work(host)
        except Exception as raised:  # whatever it is, it is raised where it is awaited
            error = raised
        with suppress(RuntimeError):  # the proxy has ended
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=run, name="egress resolver", daemon=True).start()
    return await done
