"""The body of a request, as long as its head says, and no byte more."""

import asyncio
import re
from collections.abc import AsyncIterator

PIECE = 65536  # bytes
MOST_TRAILERS = 8192  # bytes
SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(;[\t -~\x80-\xff]*)?\r\n")


class BadBody(Exception):
    """The body is not what the head says; the message is for people."""


async def read(reader: asyncio.StreamReader, length: int | None) -> AsyncIterator[bytes]:
    """Yield the body in pieces, its chunks written anew if it has chunks (`length` is None).

    Raises BadBody.
    """
    try:
        if length is None:
            async for piece in _chunks(reader):
                yield piece
        else:
            async for piece in _exactly(reader, length):
                yield piece
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise BadBody("the request's body breaks off") from None


async def _exactly(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length:
        piece = await reader.read(min(length, PIECE))
        if not piece:
            raise BadBody("the request's body breaks off")
        length -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := await _size(reader):
        yield b"%x\r\n" % size
        async for piece in _exactly(reader, size):
            yield piece
        if await reader.readexactly(2) != b"\r\n":
            raise BadBody("a chunk is longer than it says")
        yield b"\r\n"
    trailers = 0
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":  # they are not passed on
        trailers += len(line)
        if trailers > MOST_TRAILERS:
            raise BadBody("too much comes after the last chunk")
    yield b"0\r\n\r\n"


async def _size(reader: asyncio.StreamReader) -> int:
    found = SIZE.fullmatch(await reader.readuntil(b"\r\n"))
    if not found:
        raise BadBody("a chunk's size is not understood")
    return int(found[1], 16)
