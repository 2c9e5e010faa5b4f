"""The head of a request to the proxy: read strictly, and written anew.

Whatever two readers might understand differently is refused: the server behind must see the one
request that was looked at here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from agenhood.runtime.egress.hosts import normalised

MOST_HEADERS = 100
MOST_LENGTH = 15  # digits of a Content-Length
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a name
LINE = re.compile(rf"({TOKEN}) ([!-~]+) HTTP/(1\.[01])")
HEADER = re.compile(rf"({TOKEN}):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\\\\%]+)(?::([0-9]{1,5}))?")
# Between the agent and the proxy, never further. A header that `Connection` names joins them.
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "upgrade", "host", "http2-settings"}
# How long a body is and whose request it is: no other header makes these away.
FRAMING = {"content-length", "transfer-encoding", "host"}


class BadRequest(Exception):
    """What the request has that it must not have, in words; and for whom it was, if that is
    known. `is_denied` tells that it was understood."""

    def __init__(self, words: str, host: str = "", port: int = 0, *, is_denied: bool = False):
        super().__init__(words)
        self.host, self.port, self.is_denied = host[:253], port, is_denied


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is "" for CONNECT. `length` is the body's in bytes, None if it comes in chunks."""

    method: str
    host: str
    port: int
    path: str = ""
    version: str = "1.1"
    headers: list[tuple[str, str]] = field(default_factory=list, repr=False)
    length: int | None = 0

    def written(self, extra: Mapping[str, str]) -> bytes:
        """Return the head for the server. `extra` headers replace those that the agent sent."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        replaced = {_comparable(header) for header in extra}
        kept = [header for header in self.headers if _comparable(header[0]) not in replaced]
        lines = [
            f"{self.method} {self.path} HTTP/{self.version}",
            f"Host: {name}" + ("" if self.port == 80 else f":{self.port}"),
            *(f"{key}: {value}" for key, value in kept),
            *(f"{key}: {value}" for key, value in extra.items()),
            "Connection: close",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse(head: bytes) -> Request:
    """Return what is asked for. `head` ends with its empty line. Raises BadRequest."""
    lines = head.decode("latin-1")[:-4].split("\r\n")
    asked = LINE.fullmatch(lines[0])
    if not asked:
        raise BadRequest("the request's first line is not understood")
    method, target = asked[1], asked[2]
    headers = _headers(lines[1:])
    if method == "CONNECT":
        host, port = _authority(target)
        if port is None:
            raise BadRequest("CONNECT names no port")
        return Request(method, host, port)
    if method.upper() in {"TRACE", "TRACK"}:
        raise BadRequest("TRACE would show what is added to the request")
    if target[:7].lower() != "http://":
        raise BadRequest("the request names no http:// address")
    authority, separator, rest = _split(target[7:])
    host, port = _authority(authority)
    port = 80 if port is None else port
    _check_host(headers, host, port)
    path = separator + rest if separator != "?" else "/?" + rest
    if "#" in path:
        raise BadRequest("the address has a fragment")
    length = _length(headers)
    return Request(method, host, port, path or "/", asked[3], _forwarded(headers), length)


def _split(rest: str) -> tuple[str, str, str]:
    found = re.search("[/?#]", rest)
    if not found:
        return rest, "", ""
    return rest[: found.start()], found[0], rest[found.end() :]


def _authority(text: str) -> tuple[str, int | None]:
    found = AUTHORITY.fullmatch(text)
    if not found:
        raise BadRequest("the host is not understood")
    port = int(found[2]) if found[2] else None
    try:
        return normalised(found[1]), port
    except ValueError:
        raise BadRequest(
            "the host has no public name", found[1], port or 0, is_denied=True
        ) from None


def _headers(lines: list[str]) -> list[tuple[str, str]]:
    if len(lines) > MOST_HEADERS:
        raise BadRequest(f"the request has more than {MOST_HEADERS} headers")
    headers = []
    for line in lines:
        found = HEADER.fullmatch(line)
        if not found:
            raise BadRequest("a header is not understood")
        if "_" in found[1] and _comparable(found[1]) in FRAMING:
            raise BadRequest("a header is not understood")  # by some servers it is
        headers.append((found[1], found[2]))
    return headers


def _comparable(name: str) -> str:
    """Return a header's name as the most careless server compares it."""
    return name.lower().replace("_", "-")


def _values(headers: list[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]


def _check_host(headers: list[tuple[str, str]], host: str, port: int) -> None:
    named = _values(headers, "host")
    if len(named) > 1:
        raise BadRequest("the request has two Host headers")
    if named:
        other, other_port = _authority(named[0])
        if (other, 80 if other_port is None else other_port) != (host, port):
            raise BadRequest("the Host header names another host than the address")


def _length(headers: list[tuple[str, str]]) -> int | None:
    lengths, codings = _values(headers, "content-length"), _values(headers, "transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise BadRequest("the request says twice how long it is")
    if codings:
        if codings[0].lower() != "chunked":
            raise BadRequest("only chunked is understood as Transfer-Encoding")
        return None
    if lengths and not re.fullmatch(f"[0-9]{{1,{MOST_LENGTH}}}", lengths[0]):
        raise BadRequest("the Content-Length is no number")
    return int(lengths[0]) if lengths else 0


def _forwarded(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    named = {
        name.strip().lower()
        for value in _values(headers, "connection")
        for name in value.split(",")
    }
    if named & FRAMING:
        raise BadRequest("the Connection header names what the request cannot do without")
    dropped = HOP_BY_HOP | named
    return [
        (key, value)
        for key, value in headers
        if key.lower() not in dropped and not key.lower().startswith("proxy-")
    ]
