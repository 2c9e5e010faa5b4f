"""Whether this machine can have sandboxes, tried by starting one, and what to do if it cannot."""

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings

from agenhood.runtime.sandbox import seccomp
from agenhood.runtime.sandbox.command import FIRST
from agenhood.runtime.sandbox.engine import (
    Sandbox,
    SandboxLimits,
    SandboxSpec,
    SandboxUnavailable,
)

SPEC = SandboxSpec(
    workspace_id=UUID(int=0),
    agent_id=UUID(int=0),
    limits=SandboxLimits(memory_mb=256, max_processes=16, disk_mb=16, wall_seconds=20),
)
LOOK = """
cat /proc/self/status /proc/net/dev
echo "first $(tr '\\0' '\\n' </proc/1/cmdline | head -n 1)"
(: >/usr/agenhood-probe) 2>/dev/null && echo "wrote usr"
(: >/agenhood-probe) 2>/dev/null && echo "wrote root"
(: >/workspace/.probe && rm /workspace/.probe) && echo "wrote workspace"
for name in /root/. /home/. /var/. /etc/shadow; do [ -e "$name" ] && echo "sees $name"; done
echo "end"
"""
MISSING = (
    "bubblewrap is not installed. Install it as root: apt-get install bubblewrap (Debian, Ubuntu),"
    " dnf install bubblewrap (Fedora)."
)
TOO_OLD = "This bubblewrap is too old: version 0.8 or newer is needed."
NO_NAMESPACES = (
    "This machine lets nobody but root make user namespaces, or no more of them. See"
    " `sysctl user.max_user_namespaces kernel.unprivileged_userns_clone`. In a Docker container its"
    " seccomp and AppArmor profiles stand in the way: install Agenhood on the machine itself."
)
APPARMOR = (
    "AppArmor keeps bubblewrap from making a user namespace, as Ubuntu does from 23.10 on. Give it"
    " a profile, as root: write /etc/apparmor.d/bwrap with the lines in docs/sandbox.md and run"
    " `apparmor_parser -r /etc/apparmor.d/bwrap`."
)
NO_UIDS = (
    "The agents' user ids are not to be had here: choose others with AGENHOOD_FIRST_AGENT_UID."
)
UNREACHABLE = (
    "The agents' own users cannot reach their directories: let others pass through the folders"
    " above them (chmod o+x), or choose another place with AGENHOOD_AGENTS."
)
# What bubblewrap or setpriv says, and what it means.
CAUSES = (
    ("setting up uid map", APPARMOR),
    ("Unknown option", TOO_OLD),
    ("No permissions to creat", NO_NAMESPACES),
    ("Creating new namespace failed", NO_NAMESPACES),
    ("Can't mount proc", NO_NAMESPACES),
    ("setresuid failed", NO_UIDS),
    ("Can't find source path", UNREACHABLE),
)


def refuse_what_is_missing() -> None:
    """Raise SandboxUnavailable for what can be seen without starting anything."""
    if not seccomp.is_known():
        raise SandboxUnavailable("There is no filter of system calls for this kind of processor.")
    if not shutil.which("bwrap"):
        raise SandboxUnavailable(MISSING)
    for tool in ("prlimit", "setpriv"):
        if not shutil.which(tool):
            raise SandboxUnavailable(f"{tool} is not installed: it is in the package util-linux.")
    agents = Path(settings.AGENHOOD_AGENTS)
    for folder in (agents, settings.BASE_DIR):
        if folder.is_relative_to("/usr"):
            raise SandboxUnavailable(
                f"{folder} is in /usr, which every sandbox can read: move it elsewhere."
            )


def look(sandbox: Sandbox, *, first: str = FIRST, has_own_files: bool = False) -> None:
    """See from inside that a sandbox is one. Raises SandboxUnavailable, SandboxError.

    `first` is how its first process was called; `has_own_files` says that what it sees is an image.
    """
    said = bytearray()
    sandbox.run(
        ["/bin/sh", "-c", LOOK],
        on_output=lambda _, piece: said.extend(piece),
        should_end=lambda: False,
        should_kill=lambda: False,
        most_output=100_000,
    )
    faults = faults_in(said.decode(errors="replace"), first, has_own_files)
    if faults:
        raise SandboxUnavailable(
            f"A sandbox was started and is none: {'; '.join(faults)}. No agent is run in it."
        )


def faults_in(said: str, first: str = FIRST, has_own_files: bool = False) -> list[str]:
    """Return what is wrong with a sandbox in which LOOK said this."""
    lines = said.splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    networks = {line.split(":")[0].strip() for line in lines if ": " in line and "|" not in line}
    faults = []
    if "end" not in lines:
        faults.append("nothing runs in it")
    if status.get("Seccomp") != "2":
        faults.append("no filter of system calls is active")
    if status.get("NoNewPrivs") != "1":
        faults.append("programs may gain rights")
    if int(status.get("CapEff", "1"), 16):
        faults.append("programs have rights of root")
    if f"first {first}" not in lines:
        faults.append("it shares processes")
    if networks != {"lo"}:
        faults.append("it has a network")
    if "wrote usr" in lines or "wrote root" in lines:
        faults.append("it can write what is not its own")
    if "wrote workspace" not in lines:
        faults.append("it cannot write in its own directory")
    if not has_own_files:
        faults += [f"it sees {line[5:]}" for line in lines if line.startswith("sees ")]
    return faults


def advice(said: str) -> str:
    """Return what to do about an error of bubblewrap, in words."""
    for sign, words in CAUSES:
        if sign in said:
            return f"{words} ({said})"
    return said
