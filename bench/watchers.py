"""A process of watchers: opens streams, and notes when each event reaches each of them.

It reads a line of JSON, {"port", "streams": [[topic, path, cookie], …]}, opens them all, and says
how many there are. At each further line it writes what arrived since: [[topic, number, when], …],
by the machine's monotonic clock.
"""

import asyncio
import json
import re
import sys
import time

HOST = "127.0.0.1"
OPENED_AT_ONCE = 20
NUMBER = re.compile(rb"(?:^|\n)id: (\d+)\n")

arrived: list[tuple[str, int, float]] = []


class Watching(asyncio.Protocol):
    def __init__(self, topic: str, path: str, cookie: str) -> None:
        self.topic, self.path, self.cookie = topic, path, cookie
        self.rest = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(  # type: ignore[attr-defined]  # asyncio gives TCP's
            f"GET {self.path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {self.cookie}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self.rest + data
        if not self.begun.done() and b": hello" in data:
            if not data.startswith(b"HTTP/1.1 200"):
                self.begun.set_exception(RuntimeError(data[:200].decode()))
            else:
                self.begun.set_result(None)
        whole, end, self.rest = data.rpartition(b"\n\n")
        for number in NUMBER.findall(whole + end):
            arrived.append((self.topic, int(number), now))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(RuntimeError("closed"))


async def main() -> None:
    loop = asyncio.get_running_loop()
    wanted = json.loads(sys.stdin.readline())
    few = asyncio.Semaphore(OPENED_AT_ONCE)

    async def begin(topic: str, path: str, cookie: str) -> asyncio.BaseTransport:
        async with few:
            transport, protocol = await loop.create_connection(
                lambda: Watching(topic, path, cookie), HOST, wanted["port"]
            )
            await asyncio.wait_for(protocol.begun, 60)
            return transport

    opened = await asyncio.gather(*(begin(*stream) for stream in wanted["streams"]))
    print(len(opened), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(arrived), flush=True)
        arrived.clear()


if __name__ == "__main__":
    asyncio.run(main())
