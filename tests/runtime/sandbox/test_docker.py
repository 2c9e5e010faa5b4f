"""What is asked of Docker Engine, what is said where something is missing, what is kept of it."""

import json
import platform

import pytest
from django.test import override_settings

from agenhood.fleet.agent_files import Place
from agenhood.runtime.sandbox import SandboxError, SandboxUnavailable, engine
from agenhood.runtime.sandbox.docker_engine import probing, warm
from agenhood.runtime.sandbox.docker_engine.client import client
from agenhood.runtime.sandbox.docker_engine.configuration import configuration
from agenhood.runtime.sandbox.docker_engine.profile import profile
from tests.runtime.sandbox.docker_here import ABSENT, ENGINES, containers_of, docker_engine
from tests.runtime.sandbox.running import run
from tests.runtime.sandbox.world import spec

pytestmark = pytest.mark.xdist_group("sandbox")


def test_a_container_shares_nothing_and_holds_no_secret(agents):
    where = spec(environment={"GRANTED": "hush-hush-7391"})
    with Place(where.workspace_id, where.agent_id, 16).use() as usage:
        wanted = configuration(where, usage, "sha256:x")
    host = wanted["HostConfig"]
    assert "hush-hush-7391" not in json.dumps(wanted)
    assert "Env" not in wanted
    assert (host["NetworkMode"], host["IpcMode"]) == ("none", "private")
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] == host["MemorySwap"] == 96 * 2**20
    assert host["PidsLimit"] == 27
    writable = [mount["Target"] for mount in host["Mounts"] if not mount["ReadOnly"]]
    assert writable == ["/workspace"]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_profile_refuses_what_the_filter_does(machine):
    rules = json.loads(profile(machine))["syscalls"]
    plainly = {name for rule in rules if "args" not in rule for name in rule["names"]}
    assert {"mount", "ptrace", "bpf", "clone3", "io_setup"} <= plainly
    families = [
        (rule["args"][0]["op"], rule["args"][0]["value"])
        for rule in rules
        if rule["names"][0] == "socket" and rule["args"][0]["index"] == 0
    ]
    equal = [("SCMP_CMP_EQ", family) for family in (0, 3, 4, 5, 6, 7, 8, 9)]
    assert families == [*equal, ("SCMP_CMP_GT", 10)]
    types = {
        rule["args"][0]["valueTwo"]
        for rule in rules
        if rule["names"][0] == "socket" and rule["args"][0]["index"] == 1
    }
    assert types == set(range(16)) - {1, 2, 5}


def test_without_an_engine_nothing_is_run(agents, tmp_path):
    with override_settings(
        AGENHOOD_SANDBOX="docker", AGENHOOD_DOCKER_SOCKET=str(tmp_path / "none")
    ):
        with pytest.raises(SandboxUnavailable, match="does not answer"):
            engine().probe()
        with pytest.raises(SandboxError, match="does not answer"):
            engine().open(spec())


GOOD = {
    "OSType": "linux",
    "Architecture": platform.machine(),
    "Runtimes": {"runc": {}},
    "MemoryLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "SwapLimit": True,
    "SecurityOptions": ["name=seccomp,profile=default"],
}


@pytest.mark.parametrize(
    ("different", "fault"),
    [
        ({"Architecture": "other"}, "another machine"),
        ({"MemoryLimit": False}, "limit memory"),
        ({"PidsLimit": False}, "limit processes"),
        ({"SecurityOptions": []}, "filter of system calls"),
    ],
)
def test_an_engine_that_holds_no_limit_is_refused(different, fault):
    assert probing.faults_in(GOOD) == []
    assert fault in "".join(probing.faults_in({**GOOD, **different}))


def test_a_runtime_that_is_missing_is_named():
    with override_settings(AGENHOOD_DOCKER_RUNTIME="runsc"):
        (fault,) = probing.faults_in(GOOD)
    assert "no runtime runsc" in fault


@pytest.mark.skipif("docker" not in ENGINES, reason=ABSENT)
def test_a_container_is_kept_for_its_agent_and_no_process_of_a_task_is(agents):
    where = spec(environment={"GRANTED": "hush-hush-7391"})
    with docker_engine() as docker, override_settings(AGENHOOD_DOCKER_IDLE_SECONDS=60):
        sandbox = docker.open(where)
        run(sandbox, "sh", "-c", "setsid sleep 100 & echo >/tmp/x")
        sandbox.close()
        (kept,) = containers_of(where.agent_id)
        asking = client()
        assert "hush-hush" not in json.dumps(asking.inspect_container(kept))
        asking.close()
        sandbox = docker.open(where)
        assert containers_of(where.agent_id) == [kept]
        found = run(sandbox, "sh", "-c", "ls /tmp; echo /proc/[0-9]*").out
        assert found.count("/proc/") == 2  # the first process, and this one
        assert found.startswith("/proc/1 ")  # and nothing in /tmp
        sandbox.close()
        with override_settings(AGENHOOD_SANDBOX_CPUS=0.5):
            docker.open(where).close()
        (other,) = containers_of(where.agent_id)
        assert other != kept
        warm.close()
        assert containers_of(where.agent_id) == []
        with (
            override_settings(AGENHOOD_DOCKER_IMAGE="nonesuch:none"),
            pytest.raises(SandboxUnavailable, match="docker pull nonesuch"),
        ):
            docker.probe()
