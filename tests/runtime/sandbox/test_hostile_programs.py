# ruff: noqa: S108  the folders that programs would write to, as they are
"""Hostile programs, really run: each is blocked, and leaves nothing behind.

As root agents have users, disks and control groups of their own; as an ordinary user they have none
of these, and the same programs must fail all the same. Docker Engine runs them where one answers.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from agenhood.runtime.sandbox import cgroups
from tests.runtime.sandbox.docker_here import ENGINES, containers_of
from tests.runtime.sandbox.programs import DISK, PRELUDE, PROGRAMS
from tests.runtime.sandbox.running import ORDINARY_UID, as_ordinary_user, attack
from tests.runtime.sandbox.world import spec, world

pytestmark = pytest.mark.xdist_group("sandbox")
BY_ROOT, BY_ANYBODY = "started by root", "started by anybody"
WAYS = [
    pytest.param(engine, who, id=f"{engine}, {who}")
    for engine in ENGINES
    for who in (BY_ROOT, BY_ANYBODY)
    if (engine, who) != ("docker", BY_ANYBODY)  # whoever may ask it is as good as root
]


def named(programs):
    return [pytest.param(program, id=program.name) for program in programs]


@pytest.fixture(scope="module")
def around(engine, agents):
    with world(engine, agents) as places:
        yield places


@pytest.fixture
def ordinary_agents(agents):
    """A place where a user who is not root keeps its agents' directories."""
    folder = agents / "ordinary"
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, ORDINARY_UID, ORDINARY_UID)
    return folder


def listing(folder):
    return {path for path in folder.iterdir() if "ordinary" not in path.name}


def processes_of(uids):
    """Return the ids of living processes of these users."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                said = (process / "status").read_text()
            except OSError:
                continue
            uid = int(said.split("Uid:")[1].split()[0])
            if uid in uids and "State:\tZ" not in said:
                found.append(process.name)
    return found


def run_by(who, engine, agents, ordinary_agents, where, program):
    if who == BY_ROOT:
        return attack(engine, where, program)
    with override_settings(AGENHOOD_AGENTS=ordinary_agents):
        return as_ordinary_user(agents, lambda: attack(engine, where, program))


def uid_of(who, agents, where):
    if who == BY_ANYBODY or os.geteuid() != 0:
        return None if os.geteuid() != 0 else ORDINARY_UID
    return int((agents / str(where.workspace_id) / str(where.agent_id) / "uid").read_text())


def left_behind(engine, who, agents, where, before):
    """Return what is there that was not there before: processes, mounts, groups, files."""
    if engine.name == "docker":
        assert containers_of(where.agent_id) == []
    uid = uid_of(who, agents, where)
    left = processes_of({uid}) if uid is not None else []
    left += [
        line
        for line in Path("/proc/self/mounts").read_text().splitlines()
        if str(where.agent_id) in line
    ]
    return left + sorted(map(str, traces(agents) - before - {agents / str(where.workspace_id)}))


def is_somebody_elses(group):
    """Tell whether a sandbox of another process, as of a worker in another test, has it now."""
    own = {os.path.realpath(descriptor) for descriptor in Path("/proc/self/fd").iterdir()}
    if str(group) in own:
        return False
    try:
        lock = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return True  # its owner has just removed it
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def traces(agents):
    groups = {
        group
        for hierarchy in cgroups.hierarchies()
        for group in hierarchy.folder.glob("*/")
        if not is_somebody_elses(group)
    }
    outside = {path for name in ("/", "/tmp", "/dev/shm", "/run") for path in Path(name).iterdir()}
    return (
        groups
        | {path for path in outside if "evil" in path.name or path.name == "x"}
        | listing(agents)
    )


@pytest.mark.parametrize(("engine", "who"), WAYS, indirect=["engine"], scope="module")
@pytest.mark.parametrize("program", named(PROGRAMS))
def test_it_is_blocked_and_leaves_nothing(engine, agents, ordinary_agents, around, who, program):
    where = spec(environment=around)
    before = traces(agents)
    ran = run_by(who, engine, agents, ordinary_agents, where, program)
    assert ran.killed_for == program.killed, ran
    assert "OPEN" not in ran.out
    if not program.killed:
        assert ran.exit_code == (program.exit_code or 0), ran
        assert ("BLOCKED" in ran.out) == (program.exit_code is None), ran
    assert left_behind(engine, who, agents, where, before) == []


@pytest.mark.parametrize(("engine", "who"), WAYS, indirect=["engine"], scope="module")
@pytest.mark.parametrize("program", named(DISK))
def test_a_disk_has_an_end(engine, agents, ordinary_agents, around, who, program):
    where = spec(environment=around)
    before = traces(agents)
    ran = run_by(who, engine, agents, ordinary_agents, where, program)
    assert "OPEN" not in ran.out
    assert ran.killed_for == "disk" or "No space left" in ran.out, ran
    assert left_behind(engine, who, agents, where, before) == []


@pytest.mark.parametrize("program", named(p for p in PROGRAMS if p.plain))
def test_without_a_sandbox_it_would_work(around, tmp_path, program):
    """So that BLOCKED says something."""
    ran = subprocess.run(
        [sys.executable, "-I", "-c", PRELUDE + program.code],
        cwd=tmp_path,
        env={**os.environ, **around},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert "OPEN" in ran.stdout, (ran.stdout, ran.stderr)


def test_the_host_is_as_it_was(around):
    """Last in this file: what all of them wanted to break, steal from or kill is unharmed."""
    assert Path("/proc", around["HOST_PID"], "cmdline").read_text().startswith("sleep")
    assert Path(around["NEIGHBOUR_FILE"]).read_text() == "the neighbour's"
    assert Path("/proc", around["NEIGHBOUR_PID"]).exists()
