"""The command line of a sandbox: what a program sees of the machine, and nothing else.

    sh (enters the control group) -> prlimit -> setpriv (as root: the agent's own user)
      -> bubblewrap (namespaces, files, seccomp) -> sh (the first process)
        -> prlimit -> [forwarder ->] the program

Everything but the program itself reaches bubblewrap through a descriptor: arguments can be read by
every user of the machine, and the environment holds secrets.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agenhood.runtime.sandbox import seccomp

UID = 10001  # inside; outside it is the agent's own
WORKSPACE = "/workspace"
PROMPT = "/run/agenhood/prompt"
FORWARDER = "/run/agenhood/forwarder.py"
FIRST = "/run/agenhood/sh"
PROXY_SOCKET = "/run/proxy.sock"
PROXY_PORT = 3128
TEMPORARY_MB = 64
OPEN_FILES = 1024

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": WORKSPACE,
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",  # noqa: S108  its own, in memory
    "USER": "agent",
}
FILES = {
    "/etc/passwd": f"agent:x:{UID}:{UID}::{WORKSPACE}:/bin/sh\n",
    "/etc/group": f"agent:x:{UID}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
# Of /etc: what programs find libraries, certificates and the time with.
PUBLIC = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/localtime",
)
NAMESPACES = (
    *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-net"),
    *("--unshare-cgroup-try", "--disable-userns"),
)
ENTER = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 126; shift; done; shift; exec "$@"'

# What the first process does: it waits for the program, and lays orphans to rest. It has no words
# of its own, and a program that interrupts its whole group does not end it.
WAIT = 'trap : INT; exec 3>&2 2>/dev/null; (exec 2>&3 3>&-; exec "$@"); exit $?'


@dataclass(slots=True)
class Command:
    """A command line, and the descriptors that it is to inherit: close them once it is started."""

    line: list[str]
    descriptors: list[int] = field(default_factory=list)

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sandbox is made of. `address_space_mb` is of one process, 0 for no limit; `entrances`
    are the control group's; `status` is where bubblewrap says what it does."""

    directory: Path
    uid: int
    max_processes: int
    file_mb: int
    address_space_mb: int
    counts_memory: bool
    entrances: Sequence[Path]
    environment: Mapping[str, str] = field(repr=False)
    proxy: Path | None
    bwrap: str


def command(plan: Plan, program: Sequence[str], prompt: bytes, status: int) -> Command:
    """Return the command line that runs a program in a sandbox. Raises OSError."""
    made = Command([], [])
    try:
        arguments = _arguments(plan, prompt, made)
        seccomp_filter = seccomp.memfd(counts_memory=plan.counts_memory)
        made.descriptors.append(seccomp_filter)
        arguments += ["--seccomp", str(seccomp_filter), "--json-status-fd", str(status)]
        given = _memfd(made, b"".join(os.fsencode(word) + b"\0" for word in arguments))
    except BaseException:
        made.close()
        raise
    if plan.entrances:
        made.line += ["/bin/sh", "-c", ENTER, "sh", *map(str, plan.entrances), "--"]
    made.line += ["prlimit", "--core=1", f"--nofile={OPEN_FILES}", f"--fsize={plan.file_mb << 20}"]
    if plan.address_space_mb:
        made.line.append(f"--as={plan.address_space_mb << 20}")
    made.line.append("--")
    if os.geteuid() == 0:
        made.line += ["setpriv", f"--reuid={plan.uid}", f"--regid={plan.uid}", "--clear-groups"]
        made.line += ["--no-new-privs", "--inh-caps=-all", "--"]
    made.line += [plan.bwrap, "--args", given, "--", FIRST, "-c", WAIT, "sh"]
    # Counted within the sandbox only if it is set inside: as of Linux 5.14.
    made.line += ["/usr/bin/prlimit", f"--nproc={plan.max_processes}", "--"]
    if plan.proxy:
        made.line += ["/usr/bin/python3", "-I", "-S", FORWARDER]
    made.line += program
    return made


def _arguments(plan: Plan, prompt: bytes, made: Command) -> list[str]:
    words = [*NAMESPACES, "--uid", str(UID), "--gid", str(UID), "--hostname", "agent"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in _environment(plan, prompt).items():
        words += ["--setenv", name, value]
    words += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if Path("/", name).is_symlink():
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        else:
            words += ["--ro-bind-try", f"/{name}", f"/{name}"]
    for path in PUBLIC:
        words += ["--ro-bind-try", path, path]
    for path, text in FILES.items():
        words += ["--ro-bind-data", _memfd(made, text.encode()), path]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):  # noqa: S108  made anew for each program
        words += ["--perms", "1777", "--size", str(TEMPORARY_MB << 20), "--tmpfs", path]
    words += ["--perms", "0111", "--ro-bind-data", _first(made), FIRST, "--as-pid-1"]
    if prompt:
        words += ["--ro-bind-data", _memfd(made, prompt), PROMPT]
    if plan.proxy:
        forwarder = Path(__file__).with_name("forwarder.py").read_bytes()
        words += ["--ro-bind-data", _memfd(made, forwarder), FORWARDER]
        words += ["--ro-bind", str(plan.proxy), PROXY_SOCKET]
    words += ["--bind", str(plan.directory), WORKSPACE]
    return [*words, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", WORKSPACE]


def _first(made: Command) -> str:
    """Return the number of a descriptor of the shell that is the first process.

    bubblewrap's own first process has the machine's mounts, so the names of other agents, in its
    memory, which programs could read and write: they have the same user. The memory of one whose
    file that user cannot read the kernel shows to nobody.
    """
    made.descriptors.append(os.open("/bin/sh", os.O_RDONLY | os.O_CLOEXEC))
    return str(made.descriptors[-1])


def _environment(plan: Plan, prompt: bytes) -> dict[str, str]:
    environment = {**ENVIRONMENT, **plan.environment}
    if prompt:
        environment["AGENHOOD_PROMPT_FILE"] = PROMPT
    if plan.proxy:
        environment |= proxy_environment()
    return environment


def proxy_environment() -> dict[str, str]:
    """Return what has programs go through the forwarder."""
    through = f"http://127.0.0.1:{PROXY_PORT}"
    return {
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), through),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost,127.0.0.1,::1"),
    }


def _memfd(made: Command, content: bytes) -> str:
    """Return the number of a descriptor that the content is read from."""
    descriptor = os.memfd_create("given", os.MFD_CLOEXEC)
    made.descriptors.append(descriptor)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return str(descriptor)
