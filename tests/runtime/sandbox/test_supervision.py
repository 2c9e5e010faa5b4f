# ruff: noqa: S607, ARG005  tools of the machine, and callbacks that need no argument
"""How a program in a sandbox is run, told to end, and ended; what it is given, what it leaves."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings

from agenhood.fleet import agent_files
from agenhood.fleet.agent_files import FileRefused, Place, disk
from agenhood.runtime.sandbox import SandboxError, SandboxUnavailable, cgroups, probe, seccomp
from agenhood.runtime.sandbox import state as states
from agenhood.runtime.sandbox.bubblewrap import Bubblewrap
from tests.runtime.sandbox.docker_here import containers_of
from tests.runtime.sandbox.running import run
from tests.runtime.sandbox.world import spec

pytestmark = pytest.mark.xdist_group("sandbox")


@pytest.fixture
def where():
    return spec(environment={"GRANTED": "hush-hush-7391"})


@pytest.fixture
def sandbox(engine, where):
    sandbox = engine.open(where)
    yield sandbox
    sandbox.close()


def place(where):
    return Place(where.workspace_id, where.agent_id, where.limits.disk_mb)


def test_a_program_gets_its_input_and_its_environment_and_nothing_of_ours(sandbox, monkeypatch):
    monkeypatch.setenv("WORKER_SECRET", "of the worker")
    ran = run(sandbox, "sh", "-c", "cat; cat $AGENHOOD_PROMPT_FILE; env; pwd; id -un", stdin=b"do")
    assert ran.out.startswith("dodo")
    assert "GRANTED=hush-hush-7391" in ran.out
    assert "WORKER_SECRET" not in ran.out
    assert ran.out.endswith("/workspace\nagent\n")


def test_a_long_input_and_a_long_output_both_come_through(sandbox):
    ran = run(sandbox, "cat", stdin=b"x" * 3_000_000)
    assert ran.out == "x" * 3_000_000


def test_an_input_that_nobody_reads_holds_nothing_up(sandbox):
    assert run(sandbox, "true", stdin=b"x" * 3_000_000).exit_code == 0


def test_streams_and_the_exit_code_come_as_they_are(sandbox):
    pieces = []
    finished = sandbox.run(
        ["sh", "-c", "echo out; echo err >&2; exit 7"],
        on_output=lambda stream, piece: pieces.append((stream, piece)),
        should_end=lambda: False,
        should_kill=lambda: False,
    )
    assert (finished.exit_code, finished.killed_for) == (7, "")
    assert sorted(pieces) == [("stderr", b"err\n"), ("stdout", b"out\n")]


def test_nothing_secret_stands_in_an_argument_that_others_can_read(sandbox):
    seen = []

    def look(stream, piece):
        for process in Path("/proc").iterdir():
            try:
                seen.append((process / "cmdline").read_bytes())
            except OSError:
                continue

    sandbox.run(
        ["sh", "-c", "echo; sleep .1"],
        on_output=look,
        should_end=lambda: False,
        should_kill=lambda: False,
    )
    assert any(b"--args" in line or b"PR_SET_DUMPABLE" in line for line in seen)
    assert not any(b"hush-hush-7391" in line for line in seen)


def test_what_is_written_is_there_for_the_next_program_and_what_is_in_tmp_is_not(sandbox):
    run(sandbox, "sh", "-c", "echo kept > kept; echo gone > /tmp/gone")
    assert run(sandbox, "sh", "-c", "cat kept; ls /tmp").out == "kept\n"


def test_a_program_is_told_to_end_and_may_do_so_in_order(sandbox):
    said = []
    finished = sandbox.run(
        ["sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep .02; done"],
        on_output=lambda stream, piece: said.append(piece),
        should_end=lambda: bool(said),
        should_kill=lambda: False,
    )
    assert (finished.exit_code, finished.killed_for) == (3, "")
    assert b"bye\n" in b"".join(said)


def test_one_that_does_not_listen_is_killed_with_all_it_started(sandbox):
    said = []
    finished = sandbox.run(
        ["sh", "-c", "trap '' TERM; setsid sleep 100 & echo ready; sleep 100; sleep 100"],
        on_output=lambda stream, piece: said.append(piece),
        should_end=lambda: bool(said),
        should_kill=lambda: len(said) > 0,
    )
    assert finished.killed_for == "asked"


def test_an_error_of_ours_in_the_middle_kills_the_program(sandbox):
    def broken(stream, piece):
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        sandbox.run(
            ["sh", "-c", "echo; sleep 100"],
            on_output=broken,
            should_end=lambda: False,
            should_kill=lambda: False,
        )
    assert run(sandbox, "sh", "-c", "ls /proc | grep -c '^[0-9]'").out.strip() in {"3", "4", "5"}


def test_a_program_that_is_not_there_is_told_by_its_exit_code(sandbox):
    ran = run(sandbox, "nonesuch")
    assert ran.exit_code == 127
    assert "nonesuch" in ran.out


@pytest.mark.parametrize("environment", [{"A=B": "x"}, {"": "x"}, {"A": "x\0y"}])
def test_an_environment_that_cannot_be_given_is_refused(engine, environment):
    with pytest.raises(SandboxError, match="environment variable"):
        engine.open(spec(environment=environment))


def test_files_that_deceive_are_no_artifacts(sandbox, where):
    run(
        sandbox,
        "sh",
        "-c",
        "cd out; echo ok > report; mkfifo pipe; ln -s /etc/shadow shadow; ln -s / root;"
        " cp /usr/bin/id id; chmod 6755 id",
    )
    found = [path for path, _ in agent_files.walk(place(where), "out")]
    assert sorted(found) == ["out/id", "out/report"]
    for name in ("pipe", "shadow", "root/etc/passwd"):
        with pytest.raises(FileRefused):
            agent_files.open_file(place(where), f"out/{name}")
    if disk.can_mount():
        with place(where).use() as usage:
            assert os.statvfs(usage.path).f_flag & os.ST_NOSUID


RUN_AND_DIE = """
import os, sys, django
django.setup()
from uuid import UUID
from pathlib import Path
from django.conf import settings
settings.AGENHOOD_AGENTS = Path(sys.argv[1])
settings.AGENHOOD_SANDBOX, settings.AGENHOOD_DOCKER_IMAGE = sys.argv[4:]
from agenhood.runtime.sandbox import SandboxLimits, SandboxSpec, engine
spec = SandboxSpec(UUID(sys.argv[2]), UUID(sys.argv[3]), SandboxLimits(96, 24, 16, 60))
engine().open(spec).run(
    ["sh", "-c", "setsid sleep 7391 & echo; sleep 7391"],
    on_output=lambda *_: os.kill(os.getpid(), 9),
    should_end=lambda: False,
    should_kill=lambda: False,
)
"""


def test_when_the_worker_is_killed_all_dies_and_is_cleaned_up(engine, agents, where, groups):
    before = groups()
    command = [sys.executable, "-c", RUN_AND_DIE, str(agents)]
    command += [str(where.workspace_id), str(where.agent_id)]
    command += [engine.name, settings.AGENHOOD_DOCKER_IMAGE]
    done = subprocess.run(command, check=False)
    assert done.returncode == -signal.SIGKILL
    engine.open(where).close()
    assert groups() <= before
    if engine.name == "docker":
        assert containers_of(where.agent_id) == []
    assert "7391" not in subprocess.run(
        ["ps", "-eo", "args", "--no-headers"], capture_output=True, text=True, check=True
    ).stdout.replace(RUN_AND_DIE, "")


def test_a_proxy_is_reached_and_nothing_else(engine, agents):
    path = agents / "proxy.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()

        def answer():
            connection, _ = listener.accept()
            with connection:
                asked = connection.recv(1000)
                body = b"proxied " + asked.split(b"\r\n")[0]
                head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                connection.sendall(head + body)

        thread = threading.Thread(target=answer)
        thread.start()
        sandbox = engine.open(spec(proxy=path))
        code = "import urllib.request as u; print(u.urlopen('http://example.org/x').read())"
        ran = run(sandbox, "python3", "-c", code)
        sandbox.close()
        thread.join()
    path.unlink()
    assert "proxied GET http://example.org/x" in ran.out


def test_a_probe_finds_a_sandbox_and_notes_it(engine, agents):
    engine.probe()
    assert states.probe().is_available
    assert states.state().engine == engine.name


def test_without_bubblewrap_nothing_is_run(agents, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(settings, "AGENHOOD_SANDBOX", "bubblewrap")
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        Bubblewrap().probe()
    found = states.probe()
    assert not found.is_available
    assert "apt-get install bubblewrap" in states.state().why


GOOD = """Name:\tsh
CapEff:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Inter-|   Receive
    lo: 0 0
first /run/agenhood/sh
wrote workspace
end
"""


@pytest.mark.parametrize(
    ("said", "instead", "fault"),
    [
        ("Seccomp:\t2", "Seccomp:\t0", "no filter"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "gain rights"),
        ("CapEff:\t00", "CapEff:\tff", "rights of root"),
        ("first /run/agenhood/sh", "first systemd", "shares processes"),
        ("    lo: 0 0", "    lo: 0 0\n  eth0: 1 1", "has a network"),
        ("wrote workspace", "wrote workspace\nwrote usr", "not its own"),
        ("wrote workspace\n", "", "its own directory"),
        ("end\n", "", "nothing runs"),
        ("end\n", "sees /etc/shadow\nend\n", "sees /etc/shadow"),
    ],
)
def test_a_sandbox_that_is_none_is_found_out(said, instead, fault):
    assert probe.faults_in(GOOD) == []
    assert fault in "; ".join(probe.faults_in(GOOD.replace(said, instead)))


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: Creating new namespace failed: Operation not permitted", "user namespaces"),
        ("bwrap: Unknown option --disable-userns", "too old"),
        ("setpriv: setresuid failed: Invalid argument", "AGENHOOD_FIRST_AGENT_UID"),
        ("bwrap: Can't find source path /x: Permission denied", "chmod o"),
    ],
)
def test_what_helps_is_said(said, advice):
    assert advice in probe.advice(said)
    assert said in probe.advice(said)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_is_made_for_each_processor(machine):
    whole = seccomp.program(machine, counts_memory=False)
    assert len(whole) % 8 == 0
    assert len(whole) > len(seccomp.program(machine, counts_memory=True))


def test_limits_are_written_as_version_2_wants_them(monkeypatch, tmp_path):
    """Where this machine has version 1: the files of a group, in a plain folder."""
    (tmp_path / "cgroup.controllers").write_text("memory pids cpu")
    folder = tmp_path / "agenhood"
    hierarchy = cgroups.Hierarchy(folder, frozenset({"memory", "pids", "cpu"}), 2)
    wanted = dict(cgroups._limits(hierarchy, 64, 10, 0.5))
    assert wanted["memory.max"] == 64 * 2**20
    assert wanted["pids.max"] == 10
    assert wanted["cpu.max"] == "50000 100000"
