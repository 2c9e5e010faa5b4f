"""What Docker Engine is asked to make: a container in which nothing of the machine is left.

It is stored by the engine and can be read by who may ask it: there is no secret in it.
"""

import os
from pathlib import Path
from typing import Any

from django.conf import settings

from agenhood.fleet.agent_files import Usage
from agenhood.runtime.sandbox.command import (
    FILES,
    OPEN_FILES,
    PROXY_SOCKET,
    TEMPORARY_MB,
    WORKSPACE,
)
from agenhood.runtime.sandbox.docker_engine import inside
from agenhood.runtime.sandbox.docker_engine.profile import profile
from agenhood.runtime.sandbox.engine import SandboxSpec

MB = 2**20
OVERHEAD_PROCESSES = 3  # the first process, the forwarder, its thread
MOST_TEMPORARY_FILES = 16384
# As the engine has them if it is not told otherwise, and /sys.
MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys"),
    *("/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list"),
    *("/proc/timer_stats", "/sys"),
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
AGENT, OWNER, PLACE = "agenhood.agent", "agenhood.owner", "agenhood.agents"


def configuration(spec: SandboxSpec, usage: Usage, image: str) -> dict[str, Any]:
    """Return the body of a request to make the agent's container. Raises OSError."""
    user = f"{usage.uid}:{usage.uid}"
    return {
        "Image": image,
        # Of the image: it may declare programs of its own, or some that look after its health.
        "Entrypoint": ["python3", "-I", "-S", "-c", Path(inside.__file__).read_text()],
        "Cmd": [],
        "Healthcheck": {"Test": ["NONE"]},
        "User": user,
        "WorkingDir": WORKSPACE,
        "Hostname": "agent",
        "OpenStdin": True,
        "StdinOnce": True,  # it ends when we are gone, and with it the first process
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Labels": {AGENT: str(spec.agent_id)},
        "HostConfig": {
            "Runtime": settings.AGENHOOD_DOCKER_RUNTIME,
            "Mounts": _mounts(spec, usage),
            "Tmpfs": {
                "/tmp": _tmpfs("mode=1777"),  # noqa: S108  made anew for each program
                "/run/agenhood": _tmpfs(f"mode=0700,uid={usage.uid},gid={usage.uid}"),
            },
            "ShmSize": TEMPORARY_MB * MB,
            "ReadonlyRootfs": True,
            "NetworkMode": "none",
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true", f"seccomp={profile()}"],
            "MaskedPaths": list(MASKED),
            "ReadonlyPaths": list(READ_ONLY),
            "Memory": spec.limits.memory_mb * MB,
            "MemorySwap": spec.limits.memory_mb * MB,  # of both together: no swap
            "NanoCpus": int(settings.AGENHOOD_SANDBOX_CPUS * 10**9),
            "PidsLimit": spec.limits.max_processes + OVERHEAD_PROCESSES,
            "Ulimits": _limits(spec),
            "LogConfig": {"Type": "none"},  # what programs write is ours alone
            "RestartPolicy": {"Name": "no"},
        },
    }


def _mounts(spec: SandboxSpec, usage: Usage) -> list[dict[str, Any]]:
    mounts = [_bind(usage.path, WORKSPACE)]
    for name, path in _files(usage).items():
        mounts.append(_bind(path, name, read_only=True))
    if spec.proxy:
        mounts.append(_bind(spec.proxy, PROXY_SOCKET, read_only=True))
    return mounts


def _bind(source: Path, target: str, *, read_only: bool = False) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": str(source),
        "Target": target,
        "ReadOnly": read_only,
        "BindOptions": {"Propagation": "rprivate", "NonRecursive": True},
    }


def _files(usage: Usage) -> dict[str, Path]:
    """Return what stands for files of the image, or of the machine, that name users and hosts."""
    folder = usage.place.folder / "docker"
    folder.mkdir(mode=0o711, exist_ok=True)
    uid = usage.uid
    contents = {
        **FILES,
        "/etc/passwd": f"agent:x:{uid}:{uid}::{WORKSPACE}:/bin/sh\n",
        "/etc/group": f"agent:x:{uid}:\n",
        "/etc/resolv.conf": "",
    }
    found = {}
    for name, content in contents.items():
        found[name] = path = folder / Path(name).name
        if not path.exists() or path.read_text() != content:
            new = path.with_suffix(".new")
            new.write_text(content)
            new.chmod(0o644)
            new.replace(path)
    return found


def _tmpfs(more: str) -> str:
    size = f"size={TEMPORARY_MB * MB},nr_inodes={MOST_TEMPORARY_FILES}"
    return f"rw,exec,nosuid,nodev,{size},{more}"


def _limits(spec: SandboxSpec) -> list[dict[str, Any]]:
    # One byte, not none: with none the machine's own catcher of core dumps would still be started.
    most = {"core": 1, "nofile": OPEN_FILES, "fsize": spec.limits.disk_mb * MB}
    if os.geteuid() == 0:  # otherwise programs have our user, whose processes are counted together
        most["nproc"] = spec.limits.max_processes + OVERHEAD_PROCESSES
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in most.items()]
