"""A real program in a real sandbox, with the proxy as its only way out."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from agenhood.fleet.agent_files import Place
from agenhood.runtime.sandbox import SandboxLimits, SandboxSpec
from tests.runtime.egress.internet import Internet
from tests.runtime.sandbox.conftest import agents, engine  # noqa: F401  fixtures
from tests.runtime.sandbox.running import run

PROGRAM = """
import os, socket, urllib.error, urllib.request
for name in ("api", "other", "meta"):
    try:
        print(name, urllib.request.urlopen(f"http://{name}.example.com/", timeout=5).status)
    except urllib.error.HTTPError as error:
        print(name, error.code)
for address in %r:
    try:
        socket.create_connection(address, timeout=5)
        print("reached", address)
    except OSError:
        pass
try:
    socket.getaddrinfo("api.example.com", 80)
    print("resolved")
except OSError:
    pass
print(os.environ, open("/proc/self/environ").read(), open("/proc/self/cmdline").read())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where another user can pass through, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="egress-"))
    yield folder
    assert list(folder.iterdir()) == []
    shutil.rmtree(folder)


def test_a_program_reaches_the_named_host_and_nothing_else(
    internet: Internet,
    engine,  # noqa: F811
    folder: Path,
) -> None:
    internet.host("api.example.com")
    internet.names["meta.example.com"] = ["169.254.169.254"]
    direct = [("93.184.215.14", 80), ("169.254.169.254", 80), internet.server_of("api.example.com")]
    limits = SandboxLimits(memory_mb=256, max_processes=32, disk_mb=64, wall_seconds=30)
    workspace, agent = uuid4(), uuid4()
    hosts = ["api.example.com", "meta.example.com"]
    inject = {"api.example.com": {"Authorization": "Bearer hunter-of-the-real"}}
    with (
        Place(workspace, agent, limits.disk_mb).use() as usage,
        internet.proxy(folder, hosts, inject, uid=usage.uid) as path,
    ):
        sandbox = engine.open(SandboxSpec(workspace, agent, limits, {}, path))
        try:
            ran = run(sandbox, "/usr/bin/python3", "-I", "-c", PROGRAM % direct)
        finally:
            sandbox.close()

    assert ran.out.startswith("api 200\nother 403\nmeta 403\nenviron("), ran.out
    assert "hunter" not in ran.out
    assert len(internet.seen) == 1
    assert b"\r\nAuthorization: Bearer hunter-of-the-real\r\n" in internet.seen[0]
    told = [internet.next_told() for _ in range(3)]
    assert {(one.host, one.allowed) for one in told} == {
        ("api.example.com", True),
        ("other.example.com", False),
        ("meta.example.com", False),
    }
