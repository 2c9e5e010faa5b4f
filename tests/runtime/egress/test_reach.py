"""What an agent reaches by its proxy, and what not."""

import socket
from pathlib import Path

import pytest

from agenhood.runtime.egress import AllowList
from agenhood.runtime.egress.addresses import parsed, refusal
from tests.runtime.egress.internet import (
    ADDRESS,
    Internet,
    ask,
    connect,
    echo,
    get,
    received,
    status,
)


def test_a_request_to_a_named_host_is_answered(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com")
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        answer = get(path, "http://API.example.com./v1/things?x=1", "Accept: a/b")

        assert answer.endswith(b"\r\n\r\nok")
        assert bytes(internet.seen[0]) == (
            b"GET /v1/things?x=1 HTTP/1.1\r\nHost: api.example.com\r\nAccept: a/b\r\n"
            b"Connection: close\r\n\r\n"
        )
        told = internet.next_told()
    assert (told.host, told.port, told.allowed, told.reason) == ("api.example.com", 80, True, "")
    assert (told.sent, told.received) == (0, len(answer))
    assert internet.dialed == [(ADDRESS, 80)]


@pytest.mark.parametrize("target", ["http://api.example.com", "http://api.example.com?x=1"])
def test_an_address_without_a_path_asks_for_the_root(
    internet: Internet, tmp_path: Path, target: str
) -> None:
    internet.host("api.example.com")
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        assert status(get(path, target)) == 200

    assert internet.seen[0].startswith((b"GET / HTTP/1.1\r\n", b"GET /?x=1 HTTP/1.1\r\n"))


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_body_of_any_length_arrives(internet: Internet, tmp_path: Path, size: int) -> None:
    internet.host("api.example.com")
    body = b"x" * size
    head = f"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode()
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        assert status(ask(path, head + body)) == 200
        assert internet.next_told().sent == size

    assert internet.seen[0].endswith(b"\r\n\r\n" + body)


def test_a_body_in_chunks_is_written_anew(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com")
    request = (
        b"POST http://api.example.com/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"005;name=value\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
    )
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        assert status(ask(path, request)) == 200

    assert internet.seen[0].endswith(b"\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")


def test_a_large_answer_arrives_whole(internet: Internet, tmp_path: Path) -> None:
    body = bytes(range(256)) * 8192

    def serve(client: socket.socket, seen: bytearray) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body)

    internet.host("api.example.com", serve=serve)
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        assert get(path, "http://api.example.com/").endswith(b"\r\n\r\n" + body)
        assert internet.next_told().received == len(body) + 19


def test_a_tunnel_carries_both_ways(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com", port=443, serve=echo)
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        with connect(path) as client:
            client.sendall(b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            client.sendall(b"\x16\x03\x01")
            assert client.recv(3) == b"\x16\x03\x01"
            client.sendall(b"y" * 200_000)
            client.shutdown(socket.SHUT_WR)
            assert received(client) == b"y" * 200_000
        told = internet.next_told()
    assert (told.host, told.port, told.allowed, told.reason) == ("api.example.com", 443, True, "")
    assert (told.sent, told.received) == (200_003, 200_003)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("other.example.com:443", "the host is not on the agent's list"),
        ("example.com:443", "the host is not on the agent's list"),
        ("a.api.example.com:443", "the host is not on the agent's list"),
        ("xapi.example.com:443", "the host is not on the agent's list"),
        ("api.example.com.evil.org:443", "the host is not on the agent's list"),
        ("api.example.com:22", "only the ports 80 and 443 are open"),
        ("api.example.com:5432", "only the ports 80 and 443 are open"),
        ("api.example.com:65616", "only the ports 80 and 443 are open"),  # 80, and 65,536 more
        ("api.example.com:0", "only the ports 80 and 443 are open"),
        ("93.184.215.14:443", "the host is not on the agent's list"),
        ("[2606:2800:21f::1]:443", "the host is not on the agent's list"),
        ("127.0.0.1:80", "the host is not on the agent's list"),
        ("169.254.169.254:80", "the host is not on the agent's list"),
        ("[::ffff:7f00:1]:80", "the host is not on the agent's list"),
        ("127.1:80", "the host has no public name"),
        ("2130706433:80", "the host has no public name"),
        ("0x7f000001:80", "the host has no public name"),
        ("localhost:80", "the host has no public name"),
        ("metadata.google.internal:80", "the host has no public name"),
    ],
)
def test_everything_else_is_refused_before_it_is_looked_up(
    internet: Internet, tmp_path: Path, target: str, reason: str
) -> None:
    internet.host("api.example.com")
    port = int(target.rpartition(":")[2])
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        for request in (
            f"CONNECT {target} HTTP/1.1\r\n\r\n",
            f"GET http://{target}/ HTTP/1.1\r\n\r\n",
        ):
            answer = ask(path, request)
            assert status(answer) == 403
            assert reason.encode() in answer
            told = internet.next_told()
            assert (told.port, told.allowed, told.reason) == (port, False, reason)
            assert told.host in target
    assert internet.asked == internet.dialed == []


REFUSED = {
    "0.0.0.0": "unspecified",  # noqa: S104
    "0.1.2.3": "unspecified",
    "10.1.2.3": "private",
    "100.64.0.1": "a provider's own",
    "100.100.100.200": "a provider's own",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "a cloud's metadata",
    "169.254.1.1": "link-local",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "reserved",
    "192.0.2.1": "reserved",
    "192.88.99.1": "a tunnel",
    "192.168.1.1": "private",
    "198.18.0.1": "reserved",
    "198.51.100.1": "reserved",
    "203.0.113.1": "reserved",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "an embedded IPv4",
    "::ffff:10.0.0.1": "an embedded IPv4",
    "::ffff:93.184.215.14": "an embedded IPv4",
    "64:ff9b::7f00:1": "an embedded IPv4",
    "64:ff9b:1::1": "an embedded IPv4",
    "2001::1": "reserved",
    "2001:db8::1": "reserved",
    "2002:7f00:1::1": "an embedded IPv4",
    "3fff::1": "reserved",
    "4000::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
}


@pytest.mark.parametrize(("address", "kind"), REFUSED.items())
def test_a_name_for_an_address_that_is_not_public_is_refused(
    internet: Internet, tmp_path: Path, address: str, kind: str
) -> None:
    internet.names["api.example.com"] = [address]
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        answer = get(path, "http://api.example.com/")
        told = internet.next_told()

    assert status(answer) == 403
    assert told.reason == f"the host's address is no public one: it is {kind}"
    assert not told.allowed
    assert internet.dialed == []
    assert address.encode() not in answer  # what is inside is not told


@pytest.mark.parametrize("address", ["8.8.8.8", ADDRESS, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_are_not_refused(address: str) -> None:
    found = parsed(address)
    assert found is not None
    assert refusal(found) == ""


def test_an_address_of_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Routed(socket.socket):
        """As where the address that is asked for is one of an interface."""

        def connect(self, address: object) -> None:
            pass

        def getsockname(self) -> tuple[str, int]:
            return ADDRESS, 9

    monkeypatch.setattr("socket.socket", Routed)
    own, other = parsed(ADDRESS), parsed("8.8.8.8")
    assert own is not None
    assert other is not None
    assert refusal(own) == "this machine's"
    assert refusal(other) == ""


def test_of_several_addresses_only_public_ones_are_tried(
    internet: Internet, tmp_path: Path
) -> None:
    internet.host("api.example.com")
    internet.names["api.example.com"] = ["10.0.0.1", "8.8.8.8", "::1", ADDRESS]
    with internet.proxy(tmp_path, ["api.example.com"]) as path:
        assert status(get(path, "http://api.example.com/")) == 200

    assert internet.dialed == [("8.8.8.8", 80), (ADDRESS, 80)]  # nobody is at the first one


def test_a_name_that_changes_its_address_gains_nothing(internet: Internet, tmp_path: Path) -> None:
    internet.host("api.example.com")
    answers = iter([[ADDRESS], ["127.0.0.1"], [ADDRESS]])
    with internet.proxy(tmp_path, ["api.example.com"], resolve=lambda _: next(answers)) as path:
        assert status(get(path, "http://api.example.com/")) == 200
        assert status(get(path, "http://api.example.com/")) == 403
        assert status(get(path, "http://api.example.com/")) == 200

    assert internet.dialed == [(ADDRESS, 80)] * 2  # one lookup for each, and its own address


def test_a_host_that_is_unknown_or_does_not_answer(internet: Internet, tmp_path: Path) -> None:
    internet.names["dead.example.com"] = [ADDRESS]
    internet.names["empty.example.com"] = []
    words = {
        "unknown.example.com": "the host's name is not known",
        "empty.example.com": "the host's name is not known",
        "dead.example.com": "the host cannot be connected to",
    }
    with internet.proxy(tmp_path, list(words)) as path:
        for host, reason in words.items():
            assert status(get(path, f"http://{host}/")) == 502
            told = internet.next_told()
            assert (told.host, told.allowed, told.reason) == (host, True, reason)


def test_the_list_of_hosts() -> None:
    allowed = AllowList(["API.Example.com.", "*.example.org", "bücher.example.net", ADDRESS])

    for host in ("api.example.com", "a.example.org", "a.b.example.org", ADDRESS):
        assert allowed.refusal(host, 443) == "", host
    assert allowed.refusal("xn--bcher-kva.example.net", 80) == ""
    for host in ("example.org", "xexample.org", "example.com", "93.184.215.15", "org"):
        assert "not on the agent's list" in allowed.refusal(host, 443), host


@pytest.mark.parametrize(
    "host",
    [
        "", "*", "*.", "*.com", "a.*.com", "*.93.184.215.14", "10.0.0.1", "127.0.0.1", "::1",
        "[::1]", "169.254.169.254", "localhost", "db.internal", "http://a.com", "a.com:80",
        "a.com/x", "a b.com", "fe80::1%eth0", "1.2.3", "0x7f.1",
    ],
)  # fmt: skip
def test_what_is_no_public_host_is_on_no_list(host: str) -> None:
    with pytest.raises(ValueError, match=r"is|leads"):
        AllowList([host])


def test_an_address_is_reached_where_the_list_has_it(internet: Internet, tmp_path: Path) -> None:
    internet.host("unused.example.com")
    with internet.proxy(tmp_path, [ADDRESS]) as path:
        assert status(get(path, f"http://{ADDRESS}/")) == 200

    assert internet.asked == []
