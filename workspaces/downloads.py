"""Answers that are files: saved by the browser, run by nothing."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

CHUNK = 512 * 1024  # bytes; each is made in a scope of its own
IN_ONE_PIECE = 1024 * 1024  # bytes; less than this is not worth a stream

# What somebody wrote is shown by no browser as a page of ours, whatever it holds.
STRICT = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class _Stream(StreamingHttpResponse):
    def __init__(self, chunks: AsyncIterator[bytes], close: Callable[[], Any]) -> None:
        super().__init__(chunks)
        self._close_source = close

    def close(self) -> None:
        super().close()
        self._close_source()


def download(
    chunks: Iterator[bytes], name: str, *, size: int | None = None, close: Callable[[], Any]
) -> HttpResponseBase:
    """Answer with what `chunks` yields as a file called `name`, to be saved.

    A long one is a stream, whose chunks the middleware has made in the workspace one by one
    (workspaces.streaming). `size` is known of a file and not of what is made on the way. `close`
    ends whatever the chunks are read from.
    """
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) > IN_ONE_PIECE:
            response: HttpResponseBase = _Stream(_async_chunks(first, chunks), close)
            if size is not None:
                response["Content-Length"] = str(size)
            break
    else:
        close()
        response = HttpResponse(first)
    response["Content-Type"] = "application/octet-stream"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return strict(response)


def strict(response: HttpResponseBase) -> HttpResponseBase:
    """Let nothing in the answer run, load or be taken for something else."""
    for header, value in STRICT.items():
        response[header] = value
    return response


def read(file: Any) -> Iterator[bytes]:
    """Yield a file's bytes in chunks."""
    while chunk := file.read(CHUNK):
        yield chunk


async def _async_chunks(first: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The server would read a synchronous iterator to its end before it sends anything."""
    yield first
    while chunk := await sync_to_async(_next)(chunks):
        yield chunk


def _next(chunks: Iterator[bytes]) -> bytes:
    return next(chunks, b"")
