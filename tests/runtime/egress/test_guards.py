"""Requests that are to deceive, that never end, or that are too much; what is added; the ends."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from agenhood.runtime import egress
from agenhood.runtime.egress import serving
from tests.runtime.egress.internet import Internet, ask, connect, echo, get, received, status

LINE = "GET http://api.example.com/ HTTP/1.1\r\n"
POST = "POST http://api.example.com/ HTTP/1.1\r\n"
DECEIVING = {
    "two lengths": POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunks": POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding in disguise": POST + "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a signed length": POST + "Content-Length: +1\r\n\r\nx",
    "a list of lengths": POST + "Content-Length: 1, 1\r\n\r\nx",
    "space before the colon": POST + "Content-Length : 1\r\n\r\nx",
    "a folded header": LINE + "A: b\r\n c: d\r\n\r\n",
    "a bare line feed": LINE + "A: b\nC: d\r\n\r\n",
    "a bare carriage return": LINE + "A: b\rC: d\r\n\r\n",
    "a null": LINE + "A: b\0\r\n\r\n",
    "two hosts": LINE + "Host: api.example.com\r\nHost: api.example.com\r\n\r\n",
    "another host": LINE + "Host: other.example.com\r\n\r\n",
    "another port": LINE + "Host: api.example.com:443\r\n\r\n",
    "a length made away": POST + "Content-Length: 1\r\nConnection: content-length\r\n\r\nx",
    "a user": "GET http://api.example.com@evil.org/ HTTP/1.1\r\n\r\n",
    "a backslash": "GET http://evil.org\\@api.example.com/ HTTP/1.1\r\n\r\n",
    "a percent sign": "GET http://api.example.com%2eevil.org/ HTTP/1.1\r\n\r\n",
    "https": "GET https://api.example.com/ HTTP/1.1\r\n\r\n",
    "a path alone": "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    "a fragment": "GET http://api.example.com/#x HTTP/1.1\r\n\r\n",
    "no version": "GET http://api.example.com/\r\n\r\n",
    "another version": "GET http://api.example.com/ HTTP/2.0\r\n\r\n",
    "two spaces": "GET  http://api.example.com/ HTTP/1.1\r\n\r\n",
    "trace": "TRACE http://api.example.com/ HTTP/1.1\r\n\r\n",
    "connect without a port": "CONNECT api.example.com HTTP/1.1\r\n\r\n",
    "too many headers": LINE + "A: b\r\n" * 101 + "\r\n",
    "TLS": "\x16\x03\x01\r\n\r\n",
}


@pytest.mark.parametrize("request_", DECEIVING.values(), ids=DECEIVING)
def test_a_request_that_can_be_read_in_two_ways_is_refused(
    internet: Internet, tmp_path: Path, request_: str
) -> None:
    internet.host("api.example.com")
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        assert status(ask(path, request_)) == 400
        assert not internet.next_told().allowed
    assert internet.dialed == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Content-Length: 1\r\n\r\nxGET / HTTP/1.1\r\n\r\n", "more came than the request"),
        ("Transfer-Encoding: chunked\r\n\r\n-1\r\n", "a chunk's size is not understood"),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", "a chunk is longer than it says"),
        ("Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", "a chunk's size is not understood"),
    ],
)
def test_no_second_request_reaches_the_server(
    internet: Internet, tmp_path: Path, body: str, reason: str
) -> None:
    internet.host("api.example.com", serve=echo)
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        ask(path, POST + body)
        assert internet.next_told().reason == reason
    assert not any(b"GET /" in seen for seen in internet.seen)


def test_hop_by_hop_headers_end_at_the_proxy(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com")
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        get(
            path, "http://api.example.com/", "Proxy-Authorization: x", "Connection: X-Mine, close",
            "X-Mine: 1", "Upgrade: h2c", "X-Kept: 2",
        )  # fmt: skip
    assert bytes(internet.seen[0]).split(b"\r\n")[2:] == [
        b"X-Kept: 2", b"Connection: close", b"", b"",
    ]  # fmt: skip


def test_a_header_is_added_for_its_host_alone(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com")
    internet.host("other.example.com", address="8.8.8.8")
    inject = {"api.example.com": {"Authorization": "Bearer real"}}
    with internet.proxy(tmp_path, ["api.example.com", "other.example.com"], inject) as path:
        get(path, "http://api.example.com/", "AUTHORIZATION: dummy", "authorization: two")
        get(path, "http://other.example.com/", "Authorization: dummy")
    assert internet.seen[0].count(b"uthorization") == 1
    assert b"\r\nAuthorization: Bearer real\r\n" in internet.seen[0]
    assert b"\r\nAuthorization: dummy\r\n" in internet.seen[1]


def test_nothing_is_added_to_a_tunnel(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com", serve=echo)
    inject = {"api.example.com": {"Authorization": "Bearer real"}}
    with internet.proxy(tmp_path, ["api.example.com"], inject) as path, connect(path) as client:
        client.sendall(b"CONNECT api.example.com:80 HTTP/1.1\r\n\r\n")
        client.recv(100)
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert received(client) == b"GET / HTTP/1.1\r\n\r\n"


def test_a_header_that_cannot_be_sent_is_refused_without_its_value(tmp_path: Path) -> None:
    inject = {"api.example.com": {"Authorization": "x\r\ny"}}
    with (
        pytest.raises(ValueError, match="Authorization") as raised,
        egress.proxy(tmp_path, [], print, inject),
    ):
        pass
    assert "x" not in str(raised.value).replace("example", "")


def test_what_is_slow_long_or_much_ends(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com", serve=echo)
    limits = {"head_seconds": 0.05, "idle_seconds": 0.05, "total_bytes": 100, "head_bytes": 200}
    with internet.proxy(tmp_path, ["api.example.com"], limits=limits) as path:
        with connect(path) as client:
            client.sendall(b"GET ")
            assert status(received(client)) == 408
        assert status(ask(path, LINE + "A: " + "x" * 300)) == 431
        with connect(path) as client:
            client.sendall(b"CONNECT api.example.com:80 HTTP/1.1\r\n\r\n")
            received(client)
        with connect(path) as client:
            client.sendall(b"CONNECT api.example.com:80 HTTP/1.1\r\n\r\n" + b"x" * 150)
            received(client)
        assert status(get(path, "http://api.example.com/")) == 503
        reasons = [internet.next_told().reason for _ in range(5)]
    assert reasons == [
        "the request did not come in time",
        "the request's head is too long",
        "nothing was sent for 0.05 seconds",
        "more than 100 bytes in all",
        "more than 100 bytes in all",
    ]


def test_only_so_many_connections_are_open_and_answered(internet: Internet, tmp_path: Path) -> None:
    limits = {"connections": 2, "connections_in_all": 4}
    with internet.proxy(tmp_path, ["api.example.com"], limits=limits) as path:
        with connect(path), connect(path):
            assert status(get(path, "http://api.example.com/")) == 503
            assert internet.next_told().reason == "more than 2 connections at once"
        assert {internet.next_told().reason for _ in range(2)} == {"the request breaks off"}
        assert status(get(path, "http://api.example.com/")) == 502
        assert status(get(path, "http://api.example.com/")) == 503
        assert get(path, "http://api.example.com/") == b""
        assert internet.next_told().reason == "the host's name is not known"
        assert internet.next_told().reason == "more than 4 connections in all"
    assert internet.told.empty()


def test_the_socket_is_for_one_user_and_ends_with_the_proxy(
    internet: Internet, tmp_path: Path
) -> None:
    with internet.proxy(tmp_path, []) as path, connect(path):
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == os.geteuid()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []
    assert not [one for one in threading.enumerate() if one.name == "egress proxy"]


def test_another_users_process_is_turned_away(
    internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_user", lambda _: os.geteuid() + 1)
    with internet.proxy(tmp_path, []) as path:
        assert get(path, "http://api.example.com/") == b""
    assert internet.told.empty()


def test_an_open_connection_ends_with_the_proxy_and_is_told_of(
    internet: Internet, tmp_path: Path
) -> None:
    internet.host("api.example.com", serve=echo)
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        client = connect(path)
        client.sendall(b"CONNECT api.example.com:80 HTTP/1.1\r\n\r\n")
        client.recv(100)
    with client:
        assert received(client) == b""
    assert internet.next_told().reason == "the task ended"


def test_two_agents_proxies_are_apart(internet: Internet, tmp_path: Path) -> None:
    internet.host("one.example.com")
    internet.host("two.example.com", address="8.8.8.8")
    inject = {"one.example.com": {"Authorization": "Bearer real"}}
    with (
        internet.proxy(tmp_path, ["one.example.com"], inject) as one,
        internet.proxy(tmp_path, ["two.example.com"]) as two,
    ):
        assert one != two
        assert status(get(one, "http://two.example.com/")) == 403
        assert status(get(two, "http://one.example.com/")) == 403
        assert status(get(two, "http://two.example.com/")) == 200
    assert b"real" not in internet.seen[0]


def test_a_callback_that_fails_keeps_nobody_from_working(tmp_path: Path) -> None:
    def fail(connection: egress.Connection) -> None:
        raise RuntimeError

    with egress.proxy(tmp_path, [], fail, {}) as path:
        assert status(get(path, "http://api.example.com/")) == 403
        assert status(get(path, "http://api.example.com/")) == 403
