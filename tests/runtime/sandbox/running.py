"""Running a program in a sandbox and saying how that went; as another user, too."""

import json
import os
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from agenhood.fleet.agent_files import disk
from agenhood.runtime.sandbox import Engine, SandboxSpec, cgroups
from tests.runtime.sandbox.programs import PRELUDE, P

ORDINARY_UID = 1_899_999_999  # nobody's


@dataclass
class Ran:
    out: str
    exit_code: int
    killed_for: str


def run(sandbox, *command, **options) -> Ran:
    said = bytearray()
    options = {"should_end": lambda: False, "should_kill": lambda: False, **options}
    finished = sandbox.run(list(command), on_output=lambda _, piece: said.extend(piece), **options)
    return Ran(said.decode(errors="replace"), finished.exit_code, finished.killed_for)


def attack(engine: Engine, spec: SandboxSpec, program: P) -> Ran:
    sandbox = engine.open(spec)
    try:
        return run(
            sandbox,
            "/usr/bin/python3",
            "-I",
            "-c",
            PRELUDE + program.code,
            wall_seconds=program.wall_seconds,
            most_output=1_000_000,
        )
    finally:
        sandbox.close()


def as_ordinary_user(agents: Path, function) -> Ran:
    """Call a function in a process that is not root's; where we are not, in this one."""
    if os.geteuid() != 0:
        return function()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: threads and fork
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID)
            os.setresuid(ORDINARY_UID, ORDINARY_UID, ORDINARY_UID)
            disk.can_mount.cache_clear()
            cgroups.hierarchies.cache_clear()
            os.write(writer, json.dumps(function().__dict__).encode())
            status = 0
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read().decode()
    _, status = os.waitpid(child, 0)
    assert status == 0, said
    return Ran(**json.loads(said))
