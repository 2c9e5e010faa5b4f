"""Whether Docker Engine can run agents' programs here, and what is missing if it cannot."""

import platform
from pathlib import Path
from typing import Any

import docker
from django.conf import settings
from docker.errors import ImageNotFound

from agenhood.runtime.sandbox import seccomp
from agenhood.runtime.sandbox.docker_engine.client import in_words
from agenhood.runtime.sandbox.engine import SandboxError, SandboxUnavailable

# What the engine would otherwise leave out with a mere warning.
LIMITS = {"MemoryLimit": "memory", "PidsLimit": "processes", "CpuCfsQuota": "CPU"}


def refuse_what_is_missing(client: docker.APIClient) -> None:
    """Raise SandboxUnavailable for what can be seen without starting anything, SandboxError where
    the engine does not answer."""
    if not seccomp.is_known():
        raise SandboxUnavailable("There is no filter of system calls for this kind of processor.")
    with in_words():
        info = client.info()
    for fault in faults_in(info):
        raise SandboxUnavailable(fault)
    image(client)


def faults_in(info: dict[str, Any]) -> list[str]:
    """Return what is wrong with an engine that says this of itself."""
    faults = []
    runtime = settings.AGENHOOD_DOCKER_RUNTIME
    if info.get("OSType") != "linux" or info.get("Architecture") != platform.machine():
        faults.append("Docker Engine is on another machine, which has not the agents' directories.")
    if runtime and runtime not in info.get("Runtimes", {}):
        known = ", ".join(sorted(info.get("Runtimes", {})))
        faults.append(
            f"Docker Engine has no runtime {runtime}: install it and name it in"
            f" /etc/docker/daemon.json, or choose with AGENHOOD_DOCKER_RUNTIME among {known}."
        )
    for key, what in LIMITS.items():
        if not info.get(key):
            faults.append(
                f"Docker Engine cannot limit {what} here: its control groups are not complete."
            )
    if not info.get("SwapLimit") and Path("/proc/swaps").read_text().count("\n") > 1:
        faults.append("Docker Engine cannot limit swap here: turn swap off.")
    if not any("name=seccomp" in option for option in info.get("SecurityOptions") or []):
        faults.append("Docker Engine has no filter of system calls here: its kernel lacks seccomp.")
    return faults


def image(client: docker.APIClient) -> str:
    """Return the id of the image that agents' programs see. Raises SandboxError."""
    name = settings.AGENHOOD_DOCKER_IMAGE
    with in_words():
        try:
            found = client.inspect_image(name)
        except ImageNotFound:
            raise SandboxError(
                f"Docker Engine has no image {name}: run `docker pull {name}`, or choose another"
                " with AGENHOOD_DOCKER_IMAGE."
            ) from None
    if (found.get("Config") or {}).get("Volumes"):
        raise SandboxError(f"The image {name} declares volumes, which have no limit: use another.")
    return str(found["Id"])
